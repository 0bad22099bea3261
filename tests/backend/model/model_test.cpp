#include "backend/model/model.h"

#include "backend/core/error.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

namespace midpoint::model {
namespace {

using testing::HasSubstr;

using Sequence = std::vector<std::int32_t>;

ModelConfig tinyConfig(Architecture architecture = Architecture::Qwen2)
{
    ModelConfig config;
    config.architecture = architecture;
    config.vocabularySize = 41;
    config.hiddenSize = 32;
    config.intermediateSize = 48;
    config.layerCount = 2;
    config.headCount = 4;
    config.kvHeadCount = 2;
    config.headDimension = 8;
    config.maxPositions = 64;
    config.isTied = architecture != Architecture::Llama;
    config.hasQkvBias = architecture == Architecture::Qwen2;
    config.hasQueryKeyNorm = architecture == Architecture::Qwen3;
    config.endTokens = { 1 };
    return config;
}

constexpr RngKey kKey { .seed = 5, .purpose = DrawPurpose::Initialisation };

// Larger weights than at the start of training, so that nothing is nearly linear.
Model tinyModel(Architecture architecture = Architecture::Qwen2, const ModelOptions& options = {})
{
    Model model = Model::random(tinyConfig(architecture), kKey, options);
    for (Parameter& parameter : model.parameters())
        if (parameter.value.dim() == 2)
            parameter.value.mul_(3.0);
    model.refreshComputeWeights();
    return model;
}

Sequence randomSequence(std::int64_t length, std::int64_t number)
{
    Rng rng({ .seed = 9, .purpose = DrawPurpose::Selection, .prompt = number });
    Sequence sequence;
    for (std::int64_t i = 0; i < length; ++i)
        sequence.push_back(static_cast<std::int32_t>(rng.below(41)));
    return sequence;
}

double largestDifference(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

// A group of three responses, as one packed group or as three whole sequences with only their responses scored.
struct GroupBatches {
    PackedBatch packed;
    std::vector<PackedBatch> apart;
};

GroupBatches groupBatches()
{
    const Sequence prompt = randomSequence(7, 1);
    const std::vector<Sequence> responses { randomSequence(9, 2), randomSequence(1, 3), randomSequence(4, 4) };
    GroupBatches out;
    out.packed.addSequence(randomSequence(3, 5)); // something else before it
    out.packed.addGroup(prompt, std::vector<std::span<const std::int32_t>>(responses.begin(), responses.end()));
    for (const Sequence& response : responses) {
        Sequence whole = prompt;
        whole.insert(whole.end(), response.begin(), response.end());
        PackedBatch batch;
        batch.addSequence(whole, PackedBatch::Score::Yes);
        batch.scoredTokens.erase(batch.scoredTokens.begin(), batch.scoredTokens.begin() + 6);
        batch.targets.erase(batch.targets.begin(), batch.targets.begin() + 6);
        out.apart.push_back(batch);
    }
    return out;
}

// Log-probs and gradients of sum_i weight_i logprob_i + 0.3 weight_i entropy_i.
struct Outcome {
    torch::Tensor logprobs, entropy;
    std::vector<torch::Tensor> gradients;
};

Outcome runAll(Model& model, std::span<const PackedBatch> batches)
{
    Outcome out;
    std::vector<torch::Tensor> logprobs, entropies;
    model.zeroGradients();
    std::int64_t done = 0;
    for (const PackedBatch& batch : batches) {
        auto pass = model.forward(batch, { .temperature = 0.8, .entropy = Entropy::WithGradient });
        logprobs.push_back(pass->scores().logprobs);
        entropies.push_back(pass->scores().entropy);
        const torch::Tensor weights = torch::arange(done, done + batch.scoredCount(), torch::kFloat32).cos();
        done += batch.scoredCount();
        model.backward(std::move(pass), weights, 0.3 * weights);
    }
    out.logprobs = torch::cat(logprobs);
    out.entropy = torch::cat(entropies);
    for (const Parameter& parameter : model.parameters())
        out.gradients.push_back(parameter.gradient.clone());
    return out;
}

TEST(Model, SharedPrompt_OfAGroup_GivesTheScoresAndGradientsOfWholeSequences)
{
    for (const Architecture architecture : { Architecture::Qwen2, Architecture::Qwen3, Architecture::Llama }) {
        Model model = tinyModel(architecture);
        const GroupBatches batches = groupBatches();
        const Outcome packed = runAll(model, { &batches.packed, 1 });
        const Outcome apart = runAll(model, batches.apart);
        EXPECT_LT(largestDifference(packed.logprobs, apart.logprobs), 1e-5);
        EXPECT_LT(largestDifference(packed.entropy, apart.entropy), 1e-5);
        for (std::size_t i = 0; i < packed.gradients.size(); ++i)
            EXPECT_LT(largestDifference(packed.gradients[i], apart.gradients[i]),
                1e-4 * (1e-2 + apart.gradients[i].abs().max().item<double>()))
                << model.parameters()[i].name;
    }
}

TEST(Model, Gradients_OfLogprobsAndEntropy_EqualDifferenceQuotients)
{
    Model model = tinyModel(Architecture::Qwen3);
    const GroupBatches batches = groupBatches();
    const Outcome outcome = runAll(model, { &batches.packed, 1 });
    const torch::Tensor weights = torch::arange(batches.packed.scoredCount(), torch::kFloat32).cos();
    const auto loss = [&] {
        const TokenScores scores = model.score(batches.packed, { .temperature = 0.8, .entropy = Entropy::Value });
        return (weights.to(torch::kFloat64) * (scores.logprobs + 0.3 * scores.entropy)).sum().item<double>();
    };
    for (std::size_t i = 0; i < outcome.gradients.size(); ++i) {
        // Along the gradient itself the slope is its norm; the step is small against curvature, large against rounding.
        const double norm = outcome.gradients[i].norm().item<double>();
        const torch::Tensor direction = outcome.gradients[i] / norm;
        Parameter& parameter = model.parameters()[i];
        constexpr double kStep = 1e-3;
        parameter.value.add_(direction, kStep);
        const double above = loss();
        parameter.value.add_(direction, -2.0 * kStep);
        const double below = loss();
        parameter.value.add_(direction, kStep);
        EXPECT_NEAR((above - below) / (2.0 * kStep), norm, 0.02 * norm + 1e-2) << parameter.name;
    }
}

TEST(Model, ActivationCheckpointing_OnOrOff_GivesTheSameBits)
{
    Model kept = tinyModel();
    Model again = tinyModel(Architecture::Qwen2, { .device = {}, .activationCheckpointing = true });
    const GroupBatches batches = groupBatches();
    const Outcome a = runAll(kept, { &batches.packed, 1 });
    const Outcome b = runAll(again, { &batches.packed, 1 });
    EXPECT_TRUE(torch::equal(a.logprobs, b.logprobs));
    for (std::size_t i = 0; i < a.gradients.size(); ++i)
        EXPECT_TRUE(torch::equal(a.gradients[i], b.gradients[i]));
}

TEST(Model, Passes_Repeated_GiveTheSameBits)
{
    Model model = tinyModel();
    const GroupBatches batches = groupBatches();
    const Outcome a = runAll(model, { &batches.packed, 1 });
    const Outcome b = runAll(model, { &batches.packed, 1 });
    for (std::size_t i = 0; i < a.gradients.size(); ++i)
        EXPECT_TRUE(torch::equal(a.gradients[i], b.gradients[i]));
}

TEST(Model, Score_MoreTokensThanAChunkHolds_EqualsLogSoftmaxOfAllLogits)
{
    ModelConfig config = tinyConfig();
    config.vocabularySize = 70001; // 60 rows of float32 logits fill a chunk
    Model model = Model::random(config, kKey);
    PackedBatch batch;
    for (std::int64_t i = 0; i < 5; ++i)
        batch.addSequence(randomSequence(40, i), PackedBatch::Score::Yes);
    const torch::Tensor all = torch::log_softmax(model.logits(model.hiddenStates(batch)) / 0.5, 1);
    const torch::Tensor expected = all.index({ torch::tensor(batch.scoredTokens), torch::tensor(batch.targets) });
    EXPECT_LT(largestDifference(model.score(batch, { .temperature = 0.5 }).logprobs, expected), 1e-5);
}

TEST(Model, LowPrecision_ScoresAndGradients_AreCloseToFloat32)
{
    const GroupBatches batches = groupBatches();
    Model exact = tinyModel();
    const Outcome expected = runAll(exact, { &batches.packed, 1 });
    for (const torch::ScalarType type : { torch::kBFloat16, torch::kHalf }) {
        Model model = tinyModel(Architecture::Qwen2, { .computeType = type, .device = {} });
        EXPECT_EQ(model.weights().head.scalar_type(), type);
        const Outcome found = runAll(model, { &batches.packed, 1 });
        EXPECT_LT((found.logprobs - expected.logprobs).abs().mean().item<double>(), type == torch::kHalf ? 0.005 : 0.04);
        for (std::size_t i = 0; i < found.gradients.size(); ++i) {
            EXPECT_EQ(found.gradients[i].scalar_type(), torch::kFloat32);
            const double cosine = torch::cosine_similarity(found.gradients[i].flatten(), expected.gradients[i].flatten(), 0).item<double>();
            EXPECT_GT(cosine, 0.98) << model.parameters()[i].name;
        }
    }
}

TEST(Model, MeanAndLastHidden_InBatches_EqualTheHiddenStates)
{
    const Model model = tinyModel();
    const std::vector<Sequence> sequences { randomSequence(5, 1), randomSequence(1, 2), randomSequence(9, 3), randomSequence(30, 4) };
    const torch::Tensor found = model.meanAndLastHidden(sequences, 8);
    ASSERT_EQ(found.sizes(), torch::IntArrayRef({ 4, 64 }));
    for (std::size_t i = 0; i < sequences.size(); ++i) {
        PackedBatch batch;
        batch.addSequence(sequences[i]);
        const torch::Tensor hidden = model.hiddenStates(batch);
        const torch::Tensor row = found[static_cast<std::int64_t>(i)];
        EXPECT_LT(largestDifference(row.slice(0, 0, 32), hidden.mean(0)), 1e-5);
        EXPECT_LT(largestDifference(row.slice(0, 32), hidden[hidden.size(0) - 1]), 1e-5);
    }
    EXPECT_TRUE(torch::equal(model.meanHidden(sequences, 8), found.slice(1, 0, 32)));
}

TEST(Model, Random_SameKey_GivesTheRecipe)
{
    const Model model = Model::random(tinyConfig(), kKey);
    const Model same = Model::random(tinyConfig(), kKey);
    std::int64_t count = 0;
    for (std::size_t i = 0; i < model.parameters().size(); ++i) {
        const Parameter& parameter = model.parameters()[i];
        EXPECT_TRUE(torch::equal(parameter.value, same.parameters()[i].value)) << parameter.name;
        count += parameter.value.numel();
    }
    EXPECT_EQ(count, parameterCount(model.config()));
    const LayerWeights& layer = model.weights().layers[1];
    EXPECT_TRUE(torch::equal(layer.inputNorm, torch::ones({ 32 })));
    EXPECT_TRUE(torch::equal(layer.qkvBias, torch::zeros({ 64 })));
    EXPECT_NEAR(model.weights().embedding.std().item<double>(), 0.02, 0.002);
    EXPECT_NEAR(layer.down.std().item<double>(), 0.6 / std::sqrt(48.0), 0.01);
    EXPECT_FALSE(torch::equal(layer.down, model.weights().layers[0].down));
}

TEST(Model, SaveAndLoad_EveryType_KeepsWeightsAndConfiguration)
{
    const test::TemporaryFolder folder;
    test::write(folder / "tokenizer.json", "{}");
    const Model model = tinyModel(Architecture::Llama);
    for (const torch::ScalarType type : { torch::kFloat32, torch::kBFloat16, torch::kHalf }) {
        model.save(folder / "saved", type, folder.path());
        EXPECT_EQ(test::read(folder / "saved" / "tokenizer.json"), "{}");
        EXPECT_THAT(test::read(folder / "saved" / "config.json"), HasSubstr(type == torch::kFloat32 ? "\"float32\""
                : type == torch::kBFloat16                                                         ? "\"bfloat16\""
                                                                                                   : "\"float16\""));
        const Model again = Model::load(folder / "saved");
        for (std::size_t i = 0; i < model.parameters().size(); ++i)
            EXPECT_TRUE(torch::equal(again.parameters()[i].value, model.parameters()[i].value.to(type).to(torch::kFloat32)));
        EXPECT_EQ(again.config().endTokens, model.config().endTokens);
    }
    Model other = Model::random(model.config(), { .seed = 6 });
    other.readWeights(folder / "saved");
    EXPECT_TRUE(torch::equal(other.weights().head, model.weights().head.to(torch::kHalf).to(torch::kFloat32)));
}

TEST(Model, Load_FolderOfTransformers_SavesItsConfigurationUnchanged)
{
    const std::filesystem::path source = test::fixture("models/tiny-qwen2-untied");
    MIDPOINT_REQUIRE_FIXTURE(source);
    const test::TemporaryFolder folder;
    Model::load(source).save(folder.path());
    EXPECT_EQ(test::read(folder / "config.json"), test::read(source / "config.json"));
    EXPECT_EQ(test::read(folder / "generation_config.json"), test::read(source / "generation_config.json"));
}

TEST(Model, Load_BadWeights_NamesFileTensorExpectedAndFound)
{
    const test::TemporaryFolder folder;
    const Model model = tinyModel();
    model.save(folder.path());
    const std::vector<NamedTensor> good = model.namedTensors();
    const auto problem = [&](const std::vector<NamedTensor>& tensors) -> std::string {
        writeSafetensors(folder / "model.safetensors", tensors);
        try {
            Model::load(folder.path());
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::Model);
            return error.what();
        }
        return "no error";
    };
    const auto changed = [&](std::size_t index, const torch::Tensor& tensor) {
        std::vector<NamedTensor> tensors = good;
        tensors[index].second = tensor;
        return tensors;
    };
    EXPECT_EQ(problem(good), "no error");
    EXPECT_THAT(problem({ good.begin() + 1, good.end() }),
        testing::AllOf(HasSubstr("model.safetensors"), HasSubstr("tensor 'model.embed_tokens.weight': missing; expected shape [41, 32]")));
    EXPECT_THAT(problem(changed(0, torch::zeros({ 40, 32 }))), HasSubstr("expected shape [41, 32], found [40, 32]"));
    EXPECT_THAT(problem(changed(0, torch::zeros({ 41, 32 }, torch::kInt32))), HasSubstr("found I32"));
    std::vector<NamedTensor> more = good;
    more.emplace_back("model.layers.2.mlp.up_proj.weight", torch::zeros({ 48, 32 }));
    EXPECT_THAT(problem(more), HasSubstr("'model.layers.2.mlp.up_proj.weight': not expected"));
    EXPECT_THROW(Model::load(folder / "missing"), Error);
}

TEST(Model, Forward_TokensOutsideOfTheModel_AreRefused)
{
    const Model model = tinyModel();
    PackedBatch foreign;
    foreign.addSequence(Sequence { 3, 41 });
    EXPECT_THROW(model.hiddenStates(foreign), Error);
    PackedBatch tooLong;
    tooLong.addSequence(Sequence(65, 3));
    EXPECT_THROW(model.forward(tooLong, {}), Error);
}

TEST(Model, ParseComputeType_UnknownName_Throws)
{
    EXPECT_EQ(parseComputeType("bfloat16"), torch::kBFloat16);
    EXPECT_THROW(parseComputeType("int8"), Error);
}

} // namespace
} // namespace midpoint::model
