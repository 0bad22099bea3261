// One transformer layer forward and backward over a packed batch. The backward pass is written out:
//
//   a = x + Wo attention(rotary(norm(Wqkv norm(x))))        y = a + Wdown swiglu(Wgateup norm(a))
//
// What is cheap to compute again (the normalised inputs, the gated product) is not kept.
#pragma once

#include "backend/model/model.h"
#include "backend/model/operations.h"

namespace midpoint::model {

// What a layer reads besides its weights.
struct LayerContext {
    const ModelConfig& config;
    const BatchTensors& batch;
    const kernels::RotaryTable rotary;
};

struct LayerActivations {
    torch::Tensor x;             // input
    torch::Tensor inputInverse;  // of the first norm
    torch::Tensor rawQuery, rawKey; // before their norms; undefined without them
    torch::Tensor queryInverse, keyInverse;
    torch::Tensor query, key, value; // as attention reads them
    Attended attended;
    torch::Tensor a;             // after attention
    torch::Tensor postInverse;
    torch::Tensor gateUp;
};

// Fills `saved` for the backward pass if it is given.
torch::Tensor layerForward(
    const LayerContext& context, const LayerWeights& weights, const torch::Tensor& x, LayerActivations* saved);

// Adds to `gradients` (float32) and returns the gradient of x.
torch::Tensor layerBackward(const LayerContext& context, const LayerWeights& weights, const LayerActivations& saved,
    const torch::Tensor& gradY, LayerWeights& gradients);

} // namespace midpoint::model
