#include "backend/policy/policy_update.h"

#include "backend/core/error.h"
#include "backend/policy/advantage.h"
#include "backend/policy/bench_update.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace midpoint::policy {
namespace {

model::ModelConfig tinyConfig()
{
    model::ModelConfig config;
    config.vocabularySize = 31;
    config.hiddenSize = 32;
    config.intermediateSize = 48;
    config.layerCount = 2;
    config.headCount = 4;
    config.kvHeadCount = 2;
    config.headDimension = 8;
    config.maxPositions = 64;
    config.isTied = true;
    config.hasQkvBias = true;
    return config;
}

model::Model tinyModel(std::uint64_t seed = 1)
{
    return model::Model::random(tinyConfig(), { .seed = seed, .purpose = DrawPurpose::Initialisation });
}

std::vector<std::int32_t> tokens(Rng& rng, std::int64_t count)
{
    std::vector<std::int32_t> out;
    for (std::int64_t i = 0; i < count; ++i)
        out.push_back(static_cast<std::int32_t>(rng.below(31)));
    return out;
}

// Groups of 4 with the log-probs of `behaviour`; every third group without signal.
std::vector<TrainGroup> rollouts(model::Model& behaviour, std::int64_t count, const UpdateSettings& settings)
{
    std::vector<TrainGroup> groups;
    for (std::int64_t g = 0; g < count; ++g) {
        Rng rng({ .seed = 2, .purpose = DrawPurpose::TrainRollout, .prompt = g });
        TrainGroup group { .id = g, .promptTokens = tokens(rng, 3 + rng.below(4)), .rows = {} };
        std::vector<double> rewards;
        for (std::int64_t r = 0; r < 4; ++r) {
            group.rows.push_back({ .tokens = tokens(rng, 1 + rng.below(9)), .behaviourLogprobs = {}, .oldLogprobs = {},
                .referenceLogprobs = {}, .tokenWeights = {}, .advantage = 0.0 });
            rewards.push_back(g % 3 == 2 ? 1.0 : static_cast<double>(r % 2));
        }
        const std::vector<double> advantage = advantages(Advantage::Grpo, rewards);
        for (std::size_t r = 0; r < 4; ++r)
            group.rows[r].advantage = advantage[r];
        groups.push_back(std::move(group));
    }
    const PolicyUpdate::Logprobs logprobs = PolicyUpdate(behaviour, settings).computeLogprobs(groups);
    for (std::size_t g = 0; g < groups.size(); ++g)
        for (std::size_t r = 0; r < 4; ++r)
            groups[g].rows[r].behaviourLogprobs = logprobs[g][r];
    return groups;
}

UpdateSettings settingsFor(const std::string& aggregation = "token-mean")
{
    UpdateSettings settings;
    settings.policy.aggregation = aggregation;
    settings.optimizer.learningRate = 1e-3;
    settings.batch.promptsPerUpdate = 100;
    settings.maxNewTokens = 10;
    settings.steps = 10;
    return settings;
}

std::vector<torch::Tensor> gradientsAfter(const UpdateSettings& settings, bool isSecondUpdate = false)
{
    model::Model model = tinyModel();
    std::vector<TrainGroup> groups = rollouts(model, 6, settings);
    for (std::size_t g = 0; g < groups.size(); g += 2)
        groups[g].isReplayed = true; // a mixture of fresh and replayed rows
    PolicyUpdate update(model, settings);
    update.step(groups, 0);
    if (isSecondUpdate)
        update.step(groups, 1);
    std::vector<torch::Tensor> gradients;
    for (const model::Parameter& parameter : model.parameters())
        gradients.push_back(parameter.gradient.clone());
    return gradients;
}

TEST(PolicyUpdate, Gradient_ForAnyMicroBatchSize_IsTheSame)
{
    for (const std::string loss : { "decoupled", "behaviour_ratio", "gspo" })
        for (const std::string aggregation : { "token-mean", "seq-mean-token-mean", "seq-mean-token-sum-norm" }) {
            UpdateSettings settings = settingsFor(aggregation);
            settings.policy.loss = loss;
            settings.policy.entropyCoefficient = 0.01;
            settings.optimizer.gradientClip = 0.0;
            settings.optimizer.learningRate = 1e-5; // the second update's ratios are near but not at 1
            settings.batch.tokensPerMicrobatch = 10000;
            const std::vector<torch::Tensor> whole = gradientsAfter(settings, true);
            for (const std::int64_t budget : { 60, 17, 1 }) {
                settings.batch.tokensPerMicrobatch = budget;
                const std::vector<torch::Tensor> parts = gradientsAfter(settings, true);
                for (std::size_t i = 0; i < whole.size(); ++i)
                    EXPECT_LT((whole[i] - parts[i]).abs().max().item<double>(), 2e-4 * whole[i].abs().max().item<double>() + 1e-9)
                        << loss << " " << aggregation << " budget " << budget << " parameter " << i;
            }
        }
}

TEST(PolicyUpdate, Step_Repeated_GivesTheSameBits)
{
    const std::vector<torch::Tensor> a = gradientsAfter(settingsFor());
    const std::vector<torch::Tensor> b = gradientsAfter(settingsFor());
    for (std::size_t i = 0; i < a.size(); ++i)
        EXPECT_TRUE(torch::equal(a[i], b[i]));
}

TEST(PolicyUpdate, Steps_OnTheSameRollouts_RaiseTheLogprobsOfTheRewarded)
{
    model::Model model = tinyModel();
    const UpdateSettings settings = settingsFor();
    const std::vector<TrainGroup> groups = rollouts(model, 3, settings);
    PolicyUpdate update(model, settings);
    const auto objective = [&] {
        double sum = 0.0;
        const PolicyUpdate::Logprobs logprobs = update.computeLogprobs(groups);
        for (std::size_t g = 0; g < groups.size(); ++g)
            for (std::size_t r = 0; r < groups[g].rows.size(); ++r)
                for (const float logprob : logprobs[g][r])
                    sum += groups[g].rows[r].advantage * static_cast<double>(logprob);
        return sum;
    };
    const double before = objective();
    const UpdateReport report = update.step(groups, 0);
    EXPECT_GT(objective(), before + 0.01);
    EXPECT_EQ(report.updates, 1);
    EXPECT_GT(report.gradientNorm, 0.0);
    EXPECT_LT(report.difference.maximum, 1e-4); // packed in another way than when they were recorded
    EXPECT_GT(report.difference.tokens, 0);
    EXPECT_FALSE(report.isBehaviourRecomputed);
    ASSERT_TRUE(report.entropy.has_value());
    EXPECT_NEAR(*report.entropy, std::log(31.0), 0.5); // a random model
}

TEST(PolicyUpdate, GroupsWithoutSignal_DroppedOrCounted_ChangeTheMeanOnly)
{
    UpdateSettings settings = settingsFor();
    settings.optimizer.gradientClip = 0.0;
    model::Model kept = tinyModel();
    const std::vector<TrainGroup> groups = rollouts(kept, 6, settings);
    const UpdateReport counted = PolicyUpdate(kept, settings).step(groups, 0);
    settings.policy.dropGroupsWithoutSignal = true;
    model::Model fewer = tinyModel();
    const UpdateReport dropped = PolicyUpdate(fewer, settings).step(groups, 0);
    EXPECT_EQ(counted.droppedGroups, 0);
    EXPECT_EQ(dropped.droppedGroups, 2);
    EXPECT_LT(dropped.packedTokens, counted.packedTokens);
    const double ratio = static_cast<double>(counted.trainedTokens) / static_cast<double>(dropped.trainedTokens);
    EXPECT_GT(ratio, 1.0);
    EXPECT_NEAR(dropped.gradientNorm, counted.gradientNorm * ratio, 1e-4 * dropped.gradientNorm);

    settings.policy.entropyCoefficient = 0.01; // now they have a gradient
    model::Model again = tinyModel();
    EXPECT_EQ(PolicyUpdate(again, settings).step(groups, 0).droppedGroups, 0);
}

TEST(PolicyUpdate, ReplayedRows_WithoutOldLogprobs_GetThoseOfThePresentPolicy)
{
    const UpdateSettings settings = settingsFor();
    model::Model behaviour = tinyModel(7);
    std::vector<TrainGroup> groups = rollouts(behaviour, 4, settings);
    for (TrainGroup& group : groups)
        group.isReplayed = true;
    model::Model model = tinyModel();
    const UpdateReport report = PolicyUpdate(model, settings).step(groups, 0);
    EXPECT_NEAR(report.ratioMean, 1.0, 1e-5); // first update: pi_theta is pi_old
    EXPECT_NE(report.weightMean, 1.0);
    EXPECT_LT(report.effectiveSampleShare, 1.0);
    EXPECT_EQ(report.difference.tokens, 0);   // fresh rows only
}

TEST(PolicyUpdate, RecordedLogprobsFarOff_AreRecomputed)
{
    UpdateSettings settings = settingsFor();
    model::Model behaviour = tinyModel(7);
    const std::vector<TrainGroup> groups = rollouts(behaviour, 4, settings);
    model::Model model = tinyModel();
    const UpdateReport report = PolicyUpdate(model, settings).step(groups, 0);
    EXPECT_GT(report.difference.mean, settings.policy.maxLogprobDifference);
    EXPECT_TRUE(report.isBehaviourRecomputed);
    EXPECT_NEAR(report.ratioMean, 1.0, 1e-5);
}

TEST(PolicyUpdate, TooFewRows_AreCarriedToTheNextStep)
{
    UpdateSettings settings = settingsFor();
    settings.policy.dropGroupsWithoutSignal = true;
    settings.batch.rowsPerUpdate = 12;
    settings.batch.minRowsPerUpdate = 12;
    model::Model model = tinyModel();
    const std::vector<TrainGroup> groups = rollouts(model, 3, settings); // two with signal: 8 rows
    PolicyUpdate update(model, settings);
    const std::vector<torch::Tensor> before { model.parameters()[0].value.clone() };
    UpdateReport report = update.step(groups, 0);
    EXPECT_EQ(report.updates, 0);
    EXPECT_EQ(report.carriedRows, 8);
    EXPECT_TRUE(torch::equal(model.parameters()[0].value, before[0]));

    PolicyUpdate resumed(model, settings);
    resumed.setCarried(update.carried());
    report = resumed.step(groups, 1);
    EXPECT_EQ(report.updates, 1);
    EXPECT_EQ(report.trainedRows, 12);
    EXPECT_EQ(report.carriedRows, 4);
}

TEST(PolicyUpdate, NonFiniteLossOrGradient_SkipsTheUpdateAndLeavesTheWeights)
{
    UpdateSettings settings = settingsFor();
    settings.batch.promptsPerUpdate = 1;
    model::Model model = tinyModel();
    std::vector<TrainGroup> groups = rollouts(model, 2, settings);
    groups[0].rows[1].advantage = std::numeric_limits<double>::quiet_NaN();
    PolicyUpdate update(model, settings);
    const UpdateReport report = update.step(groups, 0);
    ASSERT_EQ(report.skipped.size(), 1U);
    EXPECT_EQ(report.skipped[0].update, 0);
    EXPECT_EQ(report.skipped[0].groups, std::vector<std::int64_t> { 0 });
    EXPECT_EQ(report.skipped[0].reason, "the loss is not finite");
    EXPECT_EQ(report.updates, 1); // the second mini-batch is sound
    EXPECT_EQ(update.optimizer().updates(), 1);
    for (const model::Parameter& parameter : model.parameters())
        EXPECT_TRUE(torch::isfinite(parameter.value).all().item<bool>()) << parameter.name;

    model.parameters()[1].value.fill_(std::numeric_limits<float>::infinity());
    groups[0].rows[1].advantage = 1.0;
    EXPECT_EQ(update.step(groups, 1).updates, 0);
}

TEST(PolicyUpdate, KlToTheReference_PullsBack)
{
    UpdateSettings settings = settingsFor();
    model::Model reference = tinyModel(7);
    model::Model model = tinyModel();
    std::vector<TrainGroup> groups = rollouts(reference, 4, settings);
    settings.policy.klCoefficient = 1.0;
    for (TrainGroup& group : groups)
        for (TrainRow& row : group.rows)
            row.advantage = 0.0;
    PolicyUpdate update(model, settings, &reference);
    const double before = update.step(groups, 0).kl;
    double after = before;
    for (std::int64_t step = 1; step < 10; ++step)
        after = update.step(groups, step).kl;
    EXPECT_GT(before, 0.0);
    EXPECT_LT(after, 0.7 * before);
}

TEST(PolicyUpdate, Stop_BeforeTheFirstUpdate_ChangesNothing)
{
    const UpdateSettings settings = settingsFor();
    model::Model model = tinyModel();
    const torch::Tensor before = model.parameters()[0].value.clone();
    std::stop_source stop;
    stop.request_stop();
    PolicyUpdate update(model, settings);
    EXPECT_THROW(update.step(rollouts(model, 2, settings), 0, stop.get_token()), Error);
    EXPECT_TRUE(torch::equal(model.parameters()[0].value, before));
}

TEST(PolicyUpdate, BadRowsOrNames_AreRefused)
{
    UpdateSettings settings = settingsFor();
    model::Model model = tinyModel();
    std::vector<TrainGroup> groups = rollouts(model, 1, settings);
    groups[0].rows[0].behaviourLogprobs.push_back(0.0F);
    PolicyUpdate update(model, settings);
    EXPECT_THROW(update.step(groups, 0), Error);
    settings.policy.loss = "ppo";
    EXPECT_THROW(PolicyUpdate(model, settings), Error);
}

TEST(PolicyUpdate, TokenWeights_Zero_LeaveTokensOut)
{
    UpdateSettings settings = settingsFor();
    settings.optimizer.gradientClip = 0.0;
    model::Model model = tinyModel();
    std::vector<TrainGroup> groups = rollouts(model, 1, settings);
    std::vector<TrainGroup> shorter = groups;
    for (std::size_t r = 0; r < 4; ++r) {
        TrainRow& row = groups[0].rows[r];
        row.tokens.push_back(3);
        row.behaviourLogprobs.push_back(-3.0F);
        row.tokenWeights.assign(row.tokens.size(), 1.0F);
        row.tokenWeights.back() = 0.0F;
    }
    model::Model other = tinyModel();
    const double a = PolicyUpdate(model, settings).step(groups, 0).gradientNorm;
    const double b = PolicyUpdate(other, settings).step(shorter, 0).gradientNorm;
    EXPECT_NEAR(a, b, 1e-5 * b);
}

TEST(BenchUpdate, SmallShape_TimesRealUpdates)
{
    model::Model model = tinyModel();
    const BenchUpdateResult result = benchUpdate(model, { .prompts = 2, .samplesPerPrompt = 2, .promptTokens = 4,
        .responseTokens = 6, .promptsPerUpdate = 1, .tokensPerMicrobatch = 64, .repetitions = 2 });
    EXPECT_GT(result.seconds, 0.0);
    EXPECT_GT(result.tokensPerSecond, 0.0);
}

} // namespace
} // namespace midpoint::policy
