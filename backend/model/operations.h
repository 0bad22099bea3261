// The operations of a transformer layer on tensors: checked calls of kernels/ and matrix products, each with its gradient.
// Gradients of weights are float32 and are added to; gradients of activations have the compute type. Tensors lie at the device that
// is given; on the processor the fast CPU forms compute, elsewhere the device's own.
#pragma once

#include "backend/model/batch_tensors.h"
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

// target[index[i]] += rows[i], in an order that does not change from run to run.
void addRows(const compute::Device& device, torch::Tensor& target, const torch::Tensor& index, const torch::Tensor& rows);

struct Normalised {
    torch::Tensor y;
    torch::Tensor inverse; // [rows] float32, 1 / root mean square
};
// Over the last dimension; x is contiguous.
Normalised rmsNorm(const compute::Device& device, const torch::Tensor& x, const torch::Tensor& weight, double epsilon);
torch::Tensor rmsNormBackward(const compute::Device& device, const torch::Tensor& x, const torch::Tensor& weight,
    const torch::Tensor& inverse, const torch::Tensor& gradY, torch::Tensor& gradWeight);

// In place on [tokens, heads, headDimension].
void rotate(const kernels::RotaryTable& table, const BatchTensors& batch, torch::Tensor& x, kernels::RotaryDirection direction);

// silu(gate) * up of [rows, 2 width] with gate in the first half of each row.
torch::Tensor swiglu(const compute::Device& device, const torch::Tensor& gateUp);
torch::Tensor swigluBackward(const compute::Device& device, const torch::Tensor& gateUp, const torch::Tensor& gradY);

struct Attended {
    torch::Tensor output;    // like query
    torch::Tensor logSumExp; // [tokens, heads] float32; of a VarlenKernel in its own order
    torch::Tensor state[2];  // of a VarlenKernel
};
struct AttentionGradient {
    torch::Tensor query, key, value;
};
// Query [tokens, heads, headDimension], key and value [tokens, kvHeads, headDimension], after rotation.
Attended attention(
    const BatchTensors& batch, const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value);
AttentionGradient attentionBackward(const BatchTensors& batch, const torch::Tensor& query, const torch::Tensor& key,
    const torch::Tensor& value, const Attended& attended, const torch::Tensor& gradOutput);

} // namespace midpoint::model
