// The operations of a transformer layer on tensors: checked calls of kernels/ and matrix products, each with its gradient.
// Gradients of weights are float32 and are added to; gradients of activations have the compute type.
#pragma once

#include "backend/model/packed_batch.h"
#include "kernels/rotary.h"

#include <torch/types.h>

namespace midpoint::model {

// y = x weight^T + bias (bias may be undefined).
torch::Tensor affine(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias = {});
// gradY weight: the gradient of x.
torch::Tensor affineInputGradient(const torch::Tensor& gradY, const torch::Tensor& weight);
// Adds gradY^T x to gradWeight and the column sums of gradY to gradBias (if defined).
void addAffineGradient(
    const torch::Tensor& x, const torch::Tensor& gradY, torch::Tensor& gradWeight, torch::Tensor& gradBias);

struct Normalised {
    torch::Tensor y;
    torch::Tensor inverse; // [rows] float32, 1 / root mean square
};
// Over the last dimension; x is contiguous.
Normalised rmsNorm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);
torch::Tensor rmsNormBackward(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& inverse,
    const torch::Tensor& gradY, torch::Tensor& gradWeight);

// In place on [tokens, heads, headDimension].
void rotate(const kernels::RotaryTable& table, const PackedBatch& batch, torch::Tensor& x, kernels::RotaryDirection direction);

// silu(gate) * up of [rows, 2 width] with gate in the first half of each row.
torch::Tensor swiglu(const torch::Tensor& gateUp);
torch::Tensor swigluBackward(const torch::Tensor& gateUp, const torch::Tensor& gradY);

struct Attended {
    torch::Tensor output;    // like query
    torch::Tensor logSumExp; // [tokens, heads] float32
};
struct AttentionGradient {
    torch::Tensor query, key, value;
};
// Query [tokens, heads, headDimension], key and value [tokens, kvHeads, headDimension], after rotation.
Attended attention(
    const PackedBatch& batch, const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value);
AttentionGradient attentionBackward(const PackedBatch& batch, const torch::Tensor& query, const torch::Tensor& key,
    const torch::Tensor& value, const Attended& attended, const torch::Tensor& gradOutput);

} // namespace midpoint::model
