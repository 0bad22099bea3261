// The memory that is planned for a pass against what LibTorch's allocator was asked for.
#include "backend/model/memory.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace midpoint::model {
namespace {

struct Case {
    const char* name;
    torch::ScalarType type = torch::kFloat32;
    bool checkpoints = false;
    bool isQwen3 = false;
    std::int64_t vocabulary = 75;
    std::int64_t tokens = 2000;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class MemoryTest : public testing::TestWithParam<Case> { };

Model modelOf(const Case& c)
{
    ModelConfig config;
    config.vocabularySize = c.vocabulary;
    config.hiddenSize = 64;
    config.intermediateSize = 176;
    config.layerCount = 4;
    config.headCount = 4;
    config.kvHeadCount = 2;
    config.headDimension = 16;
    config.maxPositions = 256;
    config.isTied = true;
    config.hasQueryKeyNorm = c.isQwen3;
    config.hasQkvBias = !c.isQwen3;
    ModelOptions options;
    options.computeType = c.type;
    options.activationCheckpointing = c.checkpoints;
    return Model::random(config, { .seed = 1, .purpose = DrawPurpose::Initialisation }, options);
}

PackedBatch batchOf(std::int64_t tokens)
{
    constexpr std::int64_t kLength = 100;
    const std::vector<std::int32_t> prompt(10, 3);
    const std::vector<std::int32_t> response(kLength - prompt.size() + 1, 5);
    PackedBatch batch;
    for (std::int64_t i = 0; i < tokens / kLength; ++i) {
        const std::vector<std::span<const std::int32_t>> responses = { response };
        batch.addGroup(prompt, responses);
    }
    return batch;
}

TEST_P(MemoryTest, ActivationBytes_OfAPass_AreWhatItTakes)
{
    Model model = modelOf(GetParam());
    model.zeroGradients();
    const PackedBatch batch = batchOf(GetParam().tokens);
    std::int64_t measured = 0;
    {
        const AllocationWatch watch;
        auto pass = model.forward(batch, {});
        model.backward(std::move(pass), torch::ones({ batch.scoredCount() }));
        measured = watch.peakBytes();
    }
    const std::int64_t planned = activationBytes(model, batch.tokenCount(), batch.scoredCount());
    EXPECT_GT(static_cast<double>(planned), 0.8 * static_cast<double>(measured));
    EXPECT_LT(static_cast<double>(planned), 1.35 * static_cast<double>(measured));
}

INSTANTIATE_TEST_SUITE_P(Models, MemoryTest,
    testing::Values(Case { .name = "float32" }, Case { .name = "bfloat16", .type = torch::kBFloat16 },
        Case { .name = "checkpointing", .checkpoints = true }, Case { .name = "qwen3", .isQwen3 = true },
        Case { .name = "vocabulary", .vocabulary = 20000 }, Case { .name = "few", .tokens = 200 }));

TEST(Memory, WeightBytes_WithRoundedCopies_CountBoth)
{
    const Model plain = modelOf({ .name = "" });
    const Model rounded = modelOf({ .name = "", .type = torch::kBFloat16 });
    EXPECT_EQ(masterBytes(plain), parameterCount(plain.config()) * 4);
    EXPECT_EQ(weightBytes(rounded), weightBytes(plain) + parameterCount(plain.config()) * 2);
    EXPECT_EQ(cacheBytesPerToken(plain), 4 * 2 * 32 * 4);
}

TEST(Memory, AllocationWatch_OfTensorsThatCameAndWent_KnowsThePeak)
{
    const torch::Tensor before = torch::zeros({ 1000 });
    const AllocationWatch watch;
    torch::Tensor kept = torch::zeros({ 1000 });
    {
        const torch::Tensor passing = torch::zeros({ 5000 });
    }
    kept = torch::zeros({ 10 });
    EXPECT_GE(watch.peakBytes(), 24000);
    EXPECT_LT(watch.peakBytes(), 26000);
}

} // namespace
} // namespace midpoint::model
