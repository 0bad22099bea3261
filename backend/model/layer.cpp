#include "backend/model/layer.h"

namespace midpoint::model {
namespace {

using kernels::RotaryDirection;

// Query, key and value of the normalised input, as attention wants them: contiguous, normalised, rotated.
void projectQkv(
    const LayerContext& context, const LayerWeights& weights, const torch::Tensor& normalised, LayerActivations& out)
{
    const ModelConfig& config = context.config;
    const compute::Device& device = context.batch.device;
    const std::int64_t tokens = normalised.size(0);
    const torch::Tensor qkv = affine(normalised, weights.qkv, weights.qkvBias);
    const auto heads = [&](std::int64_t firstRow, std::int64_t count) {
        return qkv.narrow(1, firstRow, count * config.headDimension).contiguous().view({ tokens, count, config.headDimension });
    };
    out.query = heads(0, config.headCount);
    out.key = heads(config.queryRows(), config.kvHeadCount);
    out.value = heads(config.queryRows() + config.kvRows(), config.kvHeadCount);
    if (config.hasQueryKeyNorm) {
        out.rawQuery = out.query;
        out.rawKey = out.key;
        const Normalised query = rmsNorm(device, out.rawQuery, weights.queryNorm, config.rmsNormEpsilon);
        const Normalised key = rmsNorm(device, out.rawKey, weights.keyNorm, config.rmsNormEpsilon);
        out.query = query.y;
        out.queryInverse = query.inverse;
        out.key = key.y;
        out.keyInverse = key.inverse;
    }
    rotate(context.rotary, context.batch, out.query, RotaryDirection::Forward);
    rotate(context.rotary, context.batch, out.key, RotaryDirection::Forward);
}

// Gradient of the output of the qkv product, [tokens, qkvRows].
torch::Tensor qkvGradient(const LayerContext& context, const LayerWeights& weights, const LayerActivations& saved,
    AttentionGradient gradient, LayerWeights& gradients)
{
    const compute::Device& device = context.batch.device;
    rotate(context.rotary, context.batch, gradient.query, RotaryDirection::Backward);
    rotate(context.rotary, context.batch, gradient.key, RotaryDirection::Backward);
    if (context.config.hasQueryKeyNorm) {
        gradient.query = rmsNormBackward(device, saved.rawQuery, weights.queryNorm, saved.queryInverse, gradient.query, gradients.queryNorm);
        gradient.key = rmsNormBackward(device, saved.rawKey, weights.keyNorm, saved.keyInverse, gradient.key, gradients.keyNorm);
    }
    return torch::cat({ gradient.query.flatten(1), gradient.key.flatten(1), gradient.value.flatten(1) }, 1);
}

} // namespace

torch::Tensor layerForward(
    const LayerContext& context, const LayerWeights& weights, const torch::Tensor& x, LayerActivations* saved)
{
    const double epsilon = context.config.rmsNormEpsilon;
    const compute::Device& device = context.batch.device;
    LayerActivations local;
    LayerActivations& out = saved == nullptr ? local : *saved;

    const Normalised input = rmsNorm(device, x, weights.inputNorm, epsilon);
    projectQkv(context, weights, input.y, out);
    out.attended = attention(context.batch, out.query, out.key, out.value);
    out.a = affine(out.attended.output.flatten(1), weights.attentionOutput, weights.attentionOutputBias).add_(x);

    const Normalised post = rmsNorm(device, out.a, weights.postNorm, epsilon);
    out.gateUp = affine(post.y, weights.gateUp, weights.gateUpBias);
    torch::Tensor y = affine(swiglu(device, out.gateUp), weights.down, weights.downBias).add_(out.a);

    out.x = x;
    out.inputInverse = input.inverse;
    out.postInverse = post.inverse;
    return y;
}

torch::Tensor layerBackward(const LayerContext& context, const LayerWeights& weights, const LayerActivations& saved,
    const torch::Tensor& gradY, LayerWeights& gradients)
{
    const double epsilon = context.config.rmsNormEpsilon;
    const compute::Device& device = context.batch.device;

    addAffineGradient(swiglu(device, saved.gateUp), gradY, gradients.down, gradients.downBias);
    const torch::Tensor gradGateUp = swigluBackward(device, saved.gateUp, affineInputGradient(gradY, weights.down));
    addAffineGradient(rmsNorm(device, saved.a, weights.postNorm, epsilon).y, gradGateUp, gradients.gateUp, gradients.gateUpBias);
    const torch::Tensor gradA = rmsNormBackward(
        device, saved.a, weights.postNorm, saved.postInverse, affineInputGradient(gradGateUp, weights.gateUp), gradients.postNorm)
                                    .add_(gradY);

    addAffineGradient(saved.attended.output.flatten(1), gradA, gradients.attentionOutput, gradients.attentionOutputBias);
    const torch::Tensor gradOutput = affineInputGradient(gradA, weights.attentionOutput).view_as(saved.query);
    const torch::Tensor gradQkv = qkvGradient(context, weights, saved,
        attentionBackward(context.batch, saved.query, saved.key, saved.value, saved.attended, gradOutput), gradients);
    addAffineGradient(rmsNorm(device, saved.x, weights.inputNorm, epsilon).y, gradQkv, gradients.qkv, gradients.qkvBias);
    return rmsNormBackward(
        device, saved.x, weights.inputNorm, saved.inputInverse, affineInputGradient(gradQkv, weights.qkv), gradients.inputNorm)
        .add_(gradA);
}

} // namespace midpoint::model
