#include "backend/model/varlen_attention.h"

#include <ATen/Context.h>
#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>

#include <algorithm>
#include <cmath>

namespace midpoint::model {
namespace {

double scaleOf(const torch::Tensor& query) { return 1.0 / std::sqrt(static_cast<double>(query.size(2))); }

torch::Tensor offsetsAt(const std::vector<std::int32_t>& offsets, torch::Device place)
{
    return torch::tensor(offsets, torch::kInt32).to(place);
}

// Kernels of LibTorch that add in any order by default ask its context.
class DeterministicScope {
public:
    DeterministicScope()
        : m_was(at::globalContext().deterministicAlgorithms())
        , m_wasWarnOnly(at::globalContext().deterministicAlgorithmsWarnOnly())
        , m_filled(at::globalContext().deterministicFillUninitializedMemory())
    {
        at::globalContext().setDeterministicAlgorithms(true, false);
        at::globalContext().setDeterministicFillUninitializedMemory(false);
    }
    ~DeterministicScope()
    {
        at::globalContext().setDeterministicAlgorithms(m_was, m_wasWarnOnly);
        at::globalContext().setDeterministicFillUninitializedMemory(m_filled);
    }
    DeterministicScope(const DeterministicScope&) = delete;
    DeterministicScope& operator=(const DeterministicScope&) = delete;

private:
    bool m_was;
    bool m_wasWarnOnly;
    bool m_filled;
};

// Sums of the rows that stand for the same token, in float32 and in a fixed order.
torch::Tensor gathered(const torch::Tensor& gradient, const VarlenLayout& layout, const torch::Tensor& like)
{
    torch::Tensor sums = torch::zeros_like(like, torch::kFloat32);
    sums.index_put_({ layout.keyTokens }, gradient.to(torch::kFloat32), true);
    return sums.to(like.scalar_type());
}

} // namespace

VarlenLayout::VarlenLayout(const PackedBatch& batch, torch::Device place)
{
    std::vector<std::int32_t> queries { 0 }, keys { 0 };
    std::vector<std::int64_t> tokens;
    for (std::size_t g = 0; g + 1 < batch.groupOffsets.size(); ++g)
        for (std::int64_t s = batch.groupOffsets[g]; s < batch.groupOffsets[g + 1]; ++s) {
            const auto rangeOf = [&](std::int64_t segment) {
                return std::pair(batch.segmentOffsets[static_cast<std::size_t>(segment)], batch.segmentOffsets[static_cast<std::size_t>(segment) + 1]);
            };
            const auto [begin, end] = rangeOf(s);
            const bool isEmpty = begin == end; // no query, so no keys
            if (s != batch.groupOffsets[g] && !isEmpty) {
                const auto [promptBegin, promptEnd] = rangeOf(batch.groupOffsets[g]);
                for (std::int64_t t = promptBegin; t < promptEnd; ++t)
                    tokens.push_back(t);
            }
            for (std::int64_t t = begin; t < end; ++t)
                tokens.push_back(t);
            queries.push_back(static_cast<std::int32_t>(end));
            longestQuery = std::max(longestQuery, end - begin);
            longestKey = std::max(longestKey, std::ssize(tokens) - keys.back());
            keys.push_back(static_cast<std::int32_t>(tokens.size()));
        }
    queryOffsets = offsetsAt(queries, place);
    keyOffsets = offsetsAt(keys, place);
    keyTokens = torch::tensor(tokens, torch::kInt64).to(place);
}

VarlenForward FlashAttention::forward(const VarlenLayout& layout, const torch::Tensor& query, const torch::Tensor& key,
    const torch::Tensor& value, double scale) const
{
    const auto [output, logSumExp, seed, offset, unused] = at::_flash_attention_forward(
        query, key, value, layout.queryOffsets, layout.keyOffsets, layout.longestQuery, layout.longestKey, 0.0, true, false, scale);
    return { output, logSumExp, { seed, offset } };
}

VarlenBackward FlashAttention::backward(const VarlenLayout& layout, const torch::Tensor& query, const torch::Tensor& key,
    const torch::Tensor& value, const VarlenForward& forward, const torch::Tensor& gradOutput, double scale) const
{
    const DeterministicScope deterministic;
    const auto [gradQuery, gradKey, gradValue] = at::_flash_attention_backward(gradOutput, query, key, value, forward.output,
        forward.logSumExp, layout.queryOffsets, layout.keyOffsets, layout.longestQuery, layout.longestKey, 0.0, true, forward.state[0],
        forward.state[1], scale);
    return { gradQuery, gradKey, gradValue };
}

VarlenForward varlenAttention(
    const VarlenKernel& kernel, const VarlenLayout& layout, const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value)
{
    return kernel.forward(layout, query, key.index_select(0, layout.keyTokens), value.index_select(0, layout.keyTokens), scaleOf(query));
}

VarlenBackward varlenAttentionBackward(const VarlenKernel& kernel, const VarlenLayout& layout, const torch::Tensor& query,
    const torch::Tensor& key, const torch::Tensor& value, const VarlenForward& forward, const torch::Tensor& gradOutput)
{
    const VarlenBackward made = kernel.backward(layout, query, key.index_select(0, layout.keyTokens), value.index_select(0, layout.keyTokens),
        forward, gradOutput, scaleOf(query));
    return { made.query.contiguous(), gathered(made.key, layout, key), gathered(made.value, layout, value) };
}

} // namespace midpoint::model
