// One policy update on several ranks against the same update on one.
#include "backend/distributed/rank_group.h"

#include "backend/policy/policy_update.h"
#include "tests/backend/distributed/rank_threads.h"

#include <torch/types.h>

#include <mutex>

namespace midpoint::distributed {
namespace {

using policy::PolicyUpdate;
using policy::TrainGroup;

model::Model makeModel(torch::ScalarType type = torch::kFloat32)
{
    model::ModelConfig config;
    config.vocabularySize = 31; // shards of unequal length
    config.hiddenSize = 24;
    config.intermediateSize = 40;
    config.layerCount = 3;
    config.headCount = 3;
    config.kvHeadCount = 1;
    config.headDimension = 8;
    config.maxPositions = 64;
    config.hasQkvBias = true;
    model::ModelOptions options;
    options.computeType = type;
    return model::Model::random(config, { .seed = 3, .purpose = DrawPurpose::Initialisation }, options);
}

std::vector<TrainGroup> makeGroups(model::Model& model)
{
    std::vector<TrainGroup> groups;
    for (std::int64_t g = 0; g < 7; ++g) {
        Rng rng({ .seed = 5, .purpose = DrawPurpose::TrainRollout, .prompt = g });
        const auto tokens = [&](std::int64_t count) {
            std::vector<std::int32_t> out;
            for (std::int64_t i = 0; i < count; ++i)
                out.push_back(static_cast<std::int32_t>(rng.below(31)));
            return out;
        };
        TrainGroup group { .id = g, .promptTokens = tokens(2 + rng.below(5)), .rows = {} };
        for (std::int64_t r = 0; r < 4; ++r) {
            policy::TrainRow row;
            row.tokens = tokens(1 + rng.below(20));
            row.advantage = r % 2 == 0 ? 0.7 : -0.9;
            group.rows.push_back(std::move(row));
        }
        group.isReplayed = g % 3 == 1;
        groups.push_back(std::move(group));
    }
    const PolicyUpdate::Logprobs logprobs = PolicyUpdate(model, {}).computeLogprobs(groups);
    for (std::size_t g = 0; g < groups.size(); ++g)
        for (std::size_t r = 0; r < groups[g].rows.size(); ++r) {
            groups[g].rows[r].behaviourLogprobs = logprobs[g][r];
            for (float& value : groups[g].rows[r].behaviourLogprobs)
                value -= groups[g].isReplayed ? 0.05F : 0.0F; // an older policy
        }
    return groups;
}

policy::UpdateSettings settings()
{
    policy::UpdateSettings settings;
    settings.optimizer.learningRate = 1e-3;
    settings.optimizer.weightDecay = 0.01;
    settings.batch.promptsPerUpdate = 3;
    settings.batch.tokensPerMicrobatch = 64; // several micro-batches, also on a rank's share
    settings.policy.logEntropy = true;
    settings.steps = 10;
    return settings;
}

struct Trained {
    policy::UpdateReport report;
    std::vector<torch::Tensor> weights;
    std::vector<torch::Tensor> computed;
    std::vector<model::NamedTensor> optimizer;
    PolicyUpdate::Logprobs logprobs;
};

Trained trainOn(policy::RankGroup* ranks, torch::ScalarType type)
{
    model::Model model = makeModel(type);
    std::vector<TrainGroup> groups = makeGroups(model);
    PolicyUpdate update(model, settings(), nullptr, ranks);
    Trained trained;
    update.step(groups, 0);
    trained.logprobs = update.computeLogprobs(groups);
    trained.report = update.step(groups, 1);
    trained.optimizer = update.optimizer().state(update.ranks());
    update.optimizer().gatherMasters(model.parameters(), update.ranks());
    for (const model::Parameter& parameter : model.parameters()) {
        trained.computed.push_back(parameter.compute.clone());
        if (parameter.value.defined())
            trained.weights.push_back(parameter.value.clone());
    }
    return trained;
}

std::vector<torch::Tensor> flat(std::vector<torch::Tensor> tensors)
{
    for (torch::Tensor& tensor : tensors)
        tensor = tensor.view(-1);
    return tensors;
}

double relativeDifference(const torch::Tensor& a, const torch::Tensor& b)
{
    return ((a - b).abs().max() / b.abs().max().clamp_min(1e-12)).item<double>();
}

using test::Way;

class ShardedUpdateTest : public testing::TestWithParam<std::tuple<Way, std::int64_t>> {
protected:
    void withCommunicators(const std::function<void(Communicator&)>& work) const
    {
        test::withCommunicators(std::get<0>(GetParam()), std::get<1>(GetParam()), work);
    }
};

TEST_P(ShardedUpdateTest, Update_OnSeveralRanks_IsThatOfOne)
{
    const Trained alone = trainOn(nullptr, torch::kFloat32);
    ASSERT_GT(alone.report.updates, 1);
    withCommunicators([&](Communicator& communicator) {
        CommunicatingRanks ranks(communicator);
        const Trained together = trainOn(&ranks, torch::kFloat32);
        EXPECT_EQ(together.report.updates, alone.report.updates);
        EXPECT_EQ(together.report.trainedTokens, alone.report.trainedTokens);
        EXPECT_EQ(together.report.trainedRows, alone.report.trainedRows);
        EXPECT_NEAR(together.report.loss, alone.report.loss, 1e-6);
        EXPECT_NEAR(together.report.gradientNorm, alone.report.gradientNorm, 1e-5 * alone.report.gradientNorm);
        EXPECT_NEAR(together.report.weightMean, alone.report.weightMean, 1e-5);
        EXPECT_NEAR(together.report.difference.maximum, alone.report.difference.maximum, 1e-5);
        EXPECT_NEAR(together.report.entropy.value(), alone.report.entropy.value(), 1e-5);
        for (std::size_t p = 0; p < alone.computed.size(); ++p)
            EXPECT_LT(relativeDifference(together.computed[p], alone.computed[p]), 2e-3) << p; // Adam turns noise into steps
        for (std::size_t g = 0; g < alone.logprobs.size(); ++g)
            for (std::size_t r = 0; r < alone.logprobs[g].size(); ++r) {
                ASSERT_EQ(together.logprobs[g][r].size(), alone.logprobs[g][r].size());
                for (std::size_t t = 0; t < alone.logprobs[g][r].size(); ++t)
                    EXPECT_NEAR(together.logprobs[g][r][t], alone.logprobs[g][r][t], 1e-4);
            }
        if (communicator.rank() != 0) {
            EXPECT_TRUE(together.optimizer.empty());
            return;
        }
        ASSERT_EQ(together.optimizer.size(), alone.optimizer.size());
        for (std::size_t i = 1; i < alone.optimizer.size(); ++i) {
            EXPECT_EQ(together.optimizer[i].first, alone.optimizer[i].first);
            EXPECT_LT(relativeDifference(together.optimizer[i].second, alone.optimizer[i].second), 1e-4) << alone.optimizer[i].first;
        }
    });
}

// The gradients of one update, whole on every rank.
std::vector<torch::Tensor> gradientsOn(policy::RankGroup* ranks)
{
    model::Model model = makeModel();
    policy::UpdateSettings once = settings();
    once.batch.promptsPerUpdate = 100;
    PolicyUpdate update(model, once, nullptr, ranks);
    EXPECT_EQ(update.step(makeGroups(model), 0).updates, 1);
    std::vector<torch::Tensor> gradients;
    for (const model::Parameter& parameter : model.parameters())
        gradients.push_back(parameter.gradient);
    update.ranks().gatherShards(gradients);
    return gradients;
}

TEST_P(ShardedUpdateTest, Gradient_OfFixedRows_IsThatOfOneRank)
{
    const torch::Tensor alone = torch::cat(flat(gradientsOn(nullptr)));
    withCommunicators([&](Communicator& communicator) {
        CommunicatingRanks ranks(communicator);
        const torch::Tensor together = torch::cat(flat(gradientsOn(&ranks)));
        EXPECT_LT(((together - alone).norm() / alone.norm()).item<double>(), 1e-5);
        EXPECT_GT(alone.norm().item<double>(), 0.0);
    });
}

TEST_P(ShardedUpdateTest, Weights_AfterAnUpdate_AreTheSameBitsOnEveryRank)
{
    std::mutex mutex;
    std::vector<Trained> all;
    withCommunicators([&](Communicator& communicator) {
        CommunicatingRanks ranks(communicator);
        Trained trained = trainOn(&ranks, torch::kFloat32);
        const std::scoped_lock lock(mutex);
        all.push_back(std::move(trained));
    });
    for (const Trained& trained : all)
        for (std::size_t p = 0; p < trained.computed.size(); ++p)
            EXPECT_TRUE(torch::equal(trained.computed[p], all.front().computed[p])) << p;
}

TEST_P(ShardedUpdateTest, MastersOfARoundedModel_LieInShardsAndComeBackWhole)
{
    const Trained alone = trainOn(nullptr, torch::kBFloat16);
    withCommunicators([&](Communicator& communicator) {
        CommunicatingRanks ranks(communicator);
        const Trained together = trainOn(&ranks, torch::kBFloat16);
        if (communicator.rank() != 0) {
            EXPECT_TRUE(together.weights.empty()) << "only the first rank has whole masters, for a checkpoint";
            return;
        }
        ASSERT_EQ(together.weights.size(), alone.weights.size());
        for (std::size_t p = 0; p < alone.weights.size(); ++p) // learning rate 1e-3, two times three updates
            EXPECT_LT((together.weights[p] - alone.weights[p]).abs().max().item<double>(), 5e-3) << p;
    });
}

TEST_P(ShardedUpdateTest, OptimizerState_OfAnyNumberOfRanks_GoesOnInAnotherNumber)
{
    const Trained alone = trainOn(nullptr, torch::kFloat32);
    withCommunicators([&](Communicator& communicator) {
        CommunicatingRanks ranks(communicator);
        model::Model model = makeModel();
        PolicyUpdate update(model, settings(), nullptr, &ranks);
        update.optimizer().restore(alone.optimizer);
        const std::vector<model::NamedTensor> state = update.optimizer().state(ranks);
        for (std::size_t i = 0; i < state.size(); ++i)
            EXPECT_TRUE(torch::equal(state[i].second, alone.optimizer[i].second)) << state[i].first;
    });
}

INSTANTIATE_TEST_SUITE_P(Ways, ShardedUpdateTest,
    testing::Combine(testing::Values(Way::Memory, Way::Sockets), testing::Values(2, 3, 4)),
    [](const auto& item) { return concat(test::nameOf(std::get<0>(item.param)), std::get<1>(item.param)); });

TEST(ShareOf, Rows_OnAnyNumberOfRanks_AreDealtOnceInOrderAndEvenly)
{
    model::Model model = makeModel();
    const std::vector<TrainGroup> groups = makeGroups(model);
    std::vector<std::vector<std::int32_t>> expected;
    std::int64_t total = 0, longest = 0, longestPrompt = 0;
    for (const TrainGroup& group : groups) {
        total += std::ssize(group.promptTokens);
        longestPrompt = std::max<std::int64_t>(longestPrompt, std::ssize(group.promptTokens));
        for (const policy::TrainRow& row : group.rows) {
            expected.push_back(row.tokens);
            total += policy::fedTokens(row);
            longest = std::max<std::int64_t>(longest, policy::fedTokens(row));
        }
    }
    for (std::int64_t ranks = 1; ranks <= 5; ++ranks) {
        std::vector<std::vector<std::int32_t>> found;
        for (std::int64_t rank = 0; rank < ranks; ++rank) {
            std::int64_t tokens = 0;
            for (const TrainGroup& group : policy::shareOf(groups, rank, ranks)) {
                tokens += std::ssize(group.promptTokens);
                for (const policy::TrainRow& row : group.rows) {
                    found.push_back(row.tokens);
                    tokens += policy::fedTokens(row);
                    EXPECT_EQ(group.isReplayed, group.id % 3 == 1);
                }
            }
            // A row at each cut is not divided, and the prompt of a group that is cut is computed twice.
            EXPECT_LE(tokens, total / ranks + longest + longestPrompt) << rank << " of " << ranks;
        }
        EXPECT_EQ(found, expected);
    }
}

} // namespace
} // namespace midpoint::distributed
