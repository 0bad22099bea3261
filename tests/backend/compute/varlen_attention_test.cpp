#include "backend/model/attention_choice.h"

#include "tests/backend/compute/device_testing.h"

#include <torch/types.h>

#include <cmath>
#include <functional>
#include <limits>

namespace midpoint::model {
namespace {

// What a varlen kernel computes, sequence by sequence: query i of q sees the keys up to i + k - q of k.
class PlainKernel : public VarlenKernel {
public:
    VarlenForward forward(const VarlenLayout& layout, const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
        double scale) const override
    {
        VarlenForward out { torch::zeros_like(query), {}, {} };
        forEach(layout, [&](at::indexing::Slice queries, at::indexing::Slice keys) {
            out.output.index_put_({ queries }, torch::matmul(probabilities(query.index({ queries }), key.index({ keys }), scale),
                                                   heads(value.index({ keys }), query)).transpose(0, 1));
        });
        return out;
    }
    VarlenBackward backward(const VarlenLayout& layout, const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
        const VarlenForward&, const torch::Tensor& gradOutput, double scale) const override
    {
        VarlenBackward out { torch::zeros_like(query), torch::zeros_like(key), torch::zeros_like(value) };
        const std::int64_t share = query.size(1) / key.size(1);
        const auto ofKeyHeads = [&](const torch::Tensor& gradient) { // [heads, keys, width] to [keys, kvHeads, width]
            return gradient.view({ key.size(1), share, gradient.size(1), gradient.size(2) }).sum(1).transpose(0, 1);
        };
        forEach(layout, [&](at::indexing::Slice queries, at::indexing::Slice keys) {
            const torch::Tensor q = query.index({ queries }), k = key.index({ keys }), v = heads(value.index({ keys }), query);
            const torch::Tensor p = probabilities(q, k, scale);
            const torch::Tensor gradient = gradOutput.index({ queries }).transpose(0, 1);
            const torch::Tensor gradP = torch::matmul(gradient, v.transpose(1, 2));
            const torch::Tensor gradScore = p * (gradP - (gradP * p).sum(-1, true)) * scale;
            out.query.index_put_({ queries }, torch::matmul(gradScore, heads(k, query)).transpose(0, 1));
            out.key.index_put_({ keys }, ofKeyHeads(torch::matmul(gradScore.transpose(1, 2), q.transpose(0, 1))));
            out.value.index_put_({ keys }, ofKeyHeads(torch::matmul(p.transpose(1, 2), gradient)));
        });
        return out;
    }

protected:
    // [heads, keys, width]: key-value heads repeated for the query heads that share them.
    static torch::Tensor heads(const torch::Tensor& key, const torch::Tensor& query)
    {
        return key.repeat_interleave(query.size(1) / key.size(1), 1).transpose(0, 1);
    }
    virtual std::int64_t diagonal(std::int64_t queries, std::int64_t keys) const { return keys - queries; }

private:
    torch::Tensor probabilities(const torch::Tensor& query, const torch::Tensor& key, double scale) const
    {
        const torch::Tensor scores = torch::matmul(query.transpose(0, 1), heads(key, query).transpose(1, 2)) * scale;
        const torch::Tensor isSeen = torch::ones({ query.size(0), key.size(0) }, torch::kBool).tril(diagonal(query.size(0), key.size(0)));
        return torch::softmax(scores.masked_fill(~isSeen, -std::numeric_limits<double>::infinity()), -1);
    }
    static void forEach(const VarlenLayout& layout, const std::function<void(at::indexing::Slice, at::indexing::Slice)>& work)
    {
        for (std::int64_t s = 0; s + 1 < layout.queryOffsets.size(0); ++s) {
            const auto at = [s](const torch::Tensor& offsets, std::int64_t i) { return static_cast<std::int64_t>(offsets[s + i].item<std::int32_t>()); };
            if (at(layout.queryOffsets, 0) == at(layout.queryOffsets, 1)) {
                EXPECT_EQ(at(layout.keyOffsets, 0), at(layout.keyOffsets, 1));
                continue;
            }
            EXPECT_LE(at(layout.queryOffsets, 1) - at(layout.queryOffsets, 0), layout.longestQuery);
            EXPECT_LE(at(layout.keyOffsets, 1) - at(layout.keyOffsets, 0), layout.longestKey);
            work(at::indexing::Slice(at(layout.queryOffsets, 0), at(layout.queryOffsets, 1)), at::indexing::Slice(at(layout.keyOffsets, 0), at(layout.keyOffsets, 1)));
        }
    }
};

// Counts from the beginning instead of the end, as some kernels do.
class WrongKernel final : public PlainKernel {
    std::int64_t diagonal(std::int64_t, std::int64_t) const override { return 0; }
};

TEST(VarlenAttention, SharedPrompts_OutputsAndGradientsOfPackedAttention)
{
    for (const Architecture architecture : { Architecture::Qwen2, Architecture::Llama })
        EXPECT_TRUE(agreesWithOwnAttention(PlainKernel(), test::smallConfig(architecture), torch::kFloat32, {}));
}

TEST(VarlenAttention, KernelThatCountsOtherwise_IsNotTaken)
{
    EXPECT_FALSE(agreesWithOwnAttention(WrongKernel(), test::smallConfig(Architecture::Qwen2), torch::kFloat32, {}));
}

class DeviceAttention : public test::OnDevice {};
MIDPOINT_ON_DEVICES(DeviceAttention);

TEST_P(DeviceAttention, Choice_Float32OrEmulated_OwnKernels)
{
    const ModelConfig config = test::smallConfig(Architecture::Qwen2);
    EXPECT_EQ(chooseAttention(config, torch::kFloat32, device), nullptr);
    EXPECT_EQ(chooseAttention(config, torch::kBFloat16, {}), nullptr);
    EXPECT_EQ(chooseAttention(config, torch::kBFloat16, device) == nullptr, isEmulated()) << "flash attention of LibTorch differs from ours, or is missing";
}

} // namespace
} // namespace midpoint::model
