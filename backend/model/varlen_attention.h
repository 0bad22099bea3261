// Packed attention by kernels that know only sequences of their own lengths, as LibTorch's flash attention, which uses tensor cores: every
// segment is a sequence, its queries are its tokens, its keys those of its group's prompt and its own, and a query sees all keys up to
// itself, counted from the end. The keys and values of a prompt are copied once for each response; their gradients are added up.
#pragma once

#include "backend/model/packed_batch.h"

#include <torch/types.h>

#include <cstdint>

namespace midpoint::model {

struct VarlenLayout {
    VarlenLayout(const PackedBatch& batch, torch::Device place);

    torch::Tensor queryOffsets, keyOffsets; // [segments + 1] int32
    torch::Tensor keyTokens;                // [keys] int64: the token whose key it is
    std::int64_t longestQuery = 0;
    std::int64_t longestKey = 0;
};

struct VarlenForward {
    torch::Tensor output;    // like query
    torch::Tensor logSumExp; // in the kernel's own order
    torch::Tensor state[2];  // what its backward pass wants besides
};
struct VarlenBackward {
    torch::Tensor query, key, value; // gradients; of key and value one row for each of the layout's keys
};

// The kernel behind: query [tokens, heads, headDimension], key and value [keys, kvHeads, headDimension].
class VarlenKernel {
public:
    virtual ~VarlenKernel() = default;
    virtual VarlenForward forward(const VarlenLayout& layout, const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
        double scale) const = 0;
    virtual VarlenBackward backward(const VarlenLayout& layout, const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
        const VarlenForward& forward, const torch::Tensor& gradOutput, double scale) const = 0;
};

class FlashAttention final : public VarlenKernel { // of LibTorch, deterministic
public:
    VarlenForward forward(const VarlenLayout& layout, const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
        double scale) const override;
    VarlenBackward backward(const VarlenLayout& layout, const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
        const VarlenForward& forward, const torch::Tensor& gradOutput, double scale) const override;
};

VarlenForward varlenAttention(
    const VarlenKernel& kernel, const VarlenLayout& layout, const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value);
// Of the tokens, in the type of query, key and value.
VarlenBackward varlenAttentionBackward(const VarlenKernel& kernel, const VarlenLayout& layout, const torch::Tensor& query,
    const torch::Tensor& key, const torch::Tensor& value, const VarlenForward& forward, const torch::Tensor& gradOutput);

} // namespace midpoint::model
