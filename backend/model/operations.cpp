#include "backend/model/operations.h"

#include "backend/core/error.h"
#include "kernels/matrix_product.h"
#include "kernels/packed_attention.h"
#include "kernels/rms_norm.h"
#include "kernels/swiglu.h"

#include <cmath>

namespace midpoint::model {
namespace {

kernels::ElementType elementType(const torch::Tensor& tensor)
{
    MIDPOINT_ASSERT(tensor.is_contiguous(), "kernels read contiguous arrays");
    return compute::elementType(tensor.scalar_type());
}

float attentionScale(const torch::Tensor& query) { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(query.size(2)))); }

kernels::PackedAttentionShape attentionShape(const BatchTensors& batch, const torch::Tensor& query, const torch::Tensor& key)
{
    return {
        .segmentOffsets = batch.batch.segmentOffsets,
        .groupOffsets = batch.batch.groupOffsets,
        .queryHeads = query.size(1),
        .keyValueHeads = key.size(1),
        .headDim = query.size(2),
        .scale = attentionScale(query),
        .type = elementType(query),
    };
}

kernels::cuda::PackedTileShape tileShape(const BatchTensors& batch, const torch::Tensor& query, const torch::Tensor& key)
{
    return {
        .queryTiles = static_cast<const kernels::cuda::QueryTile*>(batch.queryTiles.const_data_ptr()),
        .queryTileCount = batch.queryTileCount,
        .keyTiles = static_cast<const kernels::cuda::KeyTile*>(batch.keyTiles.const_data_ptr()),
        .keyTileCount = batch.keyTileCount,
        .tokens = query.size(0),
        .queryHeads = query.size(1),
        .keyValueHeads = key.size(1),
        .headDim = query.size(2),
        .scale = attentionScale(query),
        .type = elementType(query),
    };
}

// Memory of a device for the time of one call. LibTorch gives it away again only to what is queued after it.
torch::Tensor workspace(const compute::Device& device, std::int64_t bytes)
{
    return torch::empty({ bytes }, torch::TensorOptions(torch::kUInt8).device(device.place()));
}

kernels::RmsNormShape normShape(const torch::Tensor& x, double epsilon)
{
    const std::int64_t width = x.size(-1);
    return { .rows = x.numel() / width, .width = width, .epsilon = static_cast<float>(epsilon), .type = elementType(x) };
}

kernels::SwigluShape swigluShape(const torch::Tensor& gateUp)
{
    return { .rows = gateUp.size(0), .width = gateUp.size(1) / 2, .inputStride = gateUp.size(1), .type = elementType(gateUp) };
}

// The second half of a row of gate and up.
const void* upOf(const torch::Tensor& gateUp)
{
    return static_cast<const char*>(gateUp.const_data_ptr()) + gateUp.size(1) / 2 * gateUp.element_size();
}

kernels::MatrixView viewOf(const torch::Tensor& matrix)
{
    return { matrix.const_data_ptr<float>(), matrix.stride(0), matrix.stride(1) };
}

bool isOwnProduct(const torch::Tensor& x) { return x.scalar_type() == torch::kFloat32 && x.is_cpu(); }

// x weight^T + bias; the weight may have any strides.
torch::Tensor product(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias)
{
    if (!isOwnProduct(x))
        return bias.defined() ? torch::addmm(bias, x, weight.t()) : torch::mm(x, weight.t());
    torch::Tensor y = torch::empty({ x.size(0), weight.size(0) }, x.options());
    kernels::matrixProduct({ .rows = x.size(0), .columns = weight.size(0), .depth = x.size(1), .a = viewOf(x), .b = viewOf(weight.t()),
        .bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr, .c = y.data_ptr<float>(), .cStride = y.size(1) });
    return y;
}

} // namespace

torch::Tensor affine(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias)
{
    return product(x, weight, bias);
}

torch::Tensor affineInputGradient(const torch::Tensor& gradY, const torch::Tensor& weight)
{
    return product(gradY, weight.t(), {});
}

void addAffineGradient(
    const torch::Tensor& x, const torch::Tensor& gradY, torch::Tensor& gradWeight, torch::Tensor& gradBias)
{
    if (isOwnProduct(x))
        kernels::matrixProduct({ .rows = gradY.size(1), .columns = x.size(1), .depth = x.size(0), .a = viewOf(gradY.t()), .b = viewOf(x),
            .c = gradWeight.data_ptr<float>(), .cStride = gradWeight.stride(0), .isAdded = true });
    else if (x.scalar_type() == torch::kFloat32)
        gradWeight.addmm_(gradY.t(), x);
    else
        gradWeight.add_(torch::mm(gradY.t(), x)); // the product accumulates in float32 and rounds once per batch
    if (gradBias.defined())
        gradBias.add_(gradY.sum(0, false, torch::kFloat32));
}

void addRows(const compute::Device& device, torch::Tensor& target, const torch::Tensor& index, const torch::Tensor& rows)
{
    if (device.isProcessor())
        target.index_add_(0, index, rows);
    else
        target.index_put_({ index }, rows, true); // sorts; index_add_ would add with atomics, in any order
}

Normalised rmsNorm(const compute::Device& device, const torch::Tensor& x, const torch::Tensor& weight, double epsilon)
{
    const kernels::RmsNormShape shape = normShape(x, epsilon);
    Normalised out { torch::empty_like(x), torch::empty({ shape.rows }, x.options().dtype(torch::kFloat32)) };
    const kernels::RmsNormForward arguments { .x = x.const_data_ptr(), .weight = weight.const_data_ptr(), .y = out.y.data_ptr(),
        .inverse = out.inverse.data_ptr<float>() };
    if (device.isProcessor())
        kernels::rmsNormForward(shape, arguments);
    else
        device.operations().rmsNormForward(shape, arguments, device.stream());
    return out;
}

torch::Tensor rmsNormBackward(const compute::Device& device, const torch::Tensor& x, const torch::Tensor& weight,
    const torch::Tensor& inverse, const torch::Tensor& gradY, torch::Tensor& gradWeight)
{
    torch::Tensor gradX = torch::empty_like(x);
    const torch::Tensor ownGradient = torch::empty_like(gradWeight);
    const kernels::RmsNormShape shape = normShape(x, 0.0); // epsilon is part of `inverse`
    const kernels::RmsNormBackward arguments { .x = x.const_data_ptr(), .weight = weight.const_data_ptr(),
        .inverse = inverse.const_data_ptr<float>(), .gradY = gradY.const_data_ptr(), .gradX = gradX.data_ptr(),
        .gradWeight = ownGradient.data_ptr<float>() };
    if (device.isProcessor())
        kernels::rmsNormBackward(shape, arguments);
    else
        device.operations().rmsNormBackward(
            shape, arguments, workspace(device, kernels::cuda::rmsNormBackwardWorkspace(shape)).data_ptr(), device.stream());
    gradWeight.add_(ownGradient);
    return gradX;
}

void rotate(const kernels::RotaryTable& table, const BatchTensors& batch, torch::Tensor& x, kernels::RotaryDirection direction)
{
    const kernels::RotaryArguments arguments { .tokens = x.size(0), .heads = x.size(1), .headDim = x.size(2),
        .stride = x.size(1) * x.size(2), .positions = batch.positions.const_data_ptr<std::int64_t>(), .x = x.data_ptr(),
        .type = elementType(x), .direction = direction };
    if (batch.device.isProcessor())
        kernels::rotary(table, arguments);
    else
        batch.device.operations().rotary(table, arguments, batch.device.stream());
}

torch::Tensor swiglu(const compute::Device& device, const torch::Tensor& gateUp)
{
    torch::Tensor y = torch::empty({ gateUp.size(0), gateUp.size(1) / 2 }, gateUp.options());
    const kernels::SwigluForward arguments { .gate = gateUp.const_data_ptr(), .up = upOf(gateUp), .y = y.data_ptr() };
    if (device.isProcessor())
        kernels::swigluForward(swigluShape(gateUp), arguments);
    else
        device.operations().swigluForward(swigluShape(gateUp), arguments, device.stream());
    return y;
}

torch::Tensor swigluBackward(const compute::Device& device, const torch::Tensor& gateUp, const torch::Tensor& gradY)
{
    torch::Tensor gradient = torch::empty_like(gateUp);
    const kernels::SwigluBackward arguments { .gate = gateUp.const_data_ptr(), .up = upOf(gateUp), .gradY = gradY.const_data_ptr(),
        .gradGate = gradient.data_ptr(), .gradUp = const_cast<void*>(upOf(gradient)) };
    if (device.isProcessor())
        kernels::swigluBackward(swigluShape(gateUp), arguments);
    else
        device.operations().swigluBackward(swigluShape(gateUp), arguments, device.stream());
    return gradient;
}

Attended attention(
    const BatchTensors& batch, const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value)
{
    if (batch.varlenKernel != nullptr) {
        const VarlenForward made = varlenAttention(*batch.varlenKernel, *batch.varlen, query, key, value);
        return { made.output, made.logSumExp, { made.state[0], made.state[1] } };
    }
    Attended out { torch::empty_like(query), torch::empty({ query.size(0), query.size(1) }, query.options().dtype(torch::kFloat32)), {} };
    const kernels::PackedAttentionForward arguments { .query = query.const_data_ptr(), .key = key.const_data_ptr(),
        .value = value.const_data_ptr(), .output = out.output.data_ptr(), .logSumExp = out.logSumExp.data_ptr<float>() };
    if (batch.device.isProcessor())
        kernels::packedAttentionForward(attentionShape(batch, query, key), arguments);
    else
        batch.device.operations().packedAttentionForward(tileShape(batch, query, key), arguments, batch.device.stream());
    return out;
}

AttentionGradient attentionBackward(const BatchTensors& batch, const torch::Tensor& query, const torch::Tensor& key,
    const torch::Tensor& value, const Attended& attended, const torch::Tensor& gradOutput)
{
    if (batch.varlenKernel != nullptr) {
        const VarlenForward forward { attended.output, attended.logSumExp, { attended.state[0], attended.state[1] } };
        VarlenBackward made = varlenAttentionBackward(*batch.varlenKernel, *batch.varlen, query, key, value, forward, gradOutput);
        return { std::move(made.query), std::move(made.key), std::move(made.value) };
    }
    AttentionGradient out { torch::empty_like(query), torch::empty_like(key), torch::empty_like(value) };
    const kernels::PackedAttentionBackward arguments { .query = query.const_data_ptr(), .key = key.const_data_ptr(),
        .value = value.const_data_ptr(), .output = attended.output.const_data_ptr(),
        .logSumExp = attended.logSumExp.const_data_ptr<float>(), .gradOutput = gradOutput.const_data_ptr(),
        .gradQuery = out.query.data_ptr(), .gradKey = out.key.data_ptr(), .gradValue = out.value.data_ptr() };
    const compute::Device& device = batch.device;
    if (device.isProcessor()) {
        kernels::packedAttentionBackward(attentionShape(batch, query, key), arguments);
    } else {
        const kernels::cuda::PackedTileShape shape = tileShape(batch, query, key);
        device.operations().packedAttentionBackward(
            shape, arguments, workspace(device, kernels::cuda::packedAttentionBackwardWorkspace(shape)).data_ptr(), device.stream());
    }
    return out;
}

} // namespace midpoint::model
