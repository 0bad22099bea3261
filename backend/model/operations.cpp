#include "backend/model/operations.h"

#include "backend/core/error.h"
#include "kernels/packed_attention.h"
#include "kernels/rms_norm.h"
#include "kernels/swiglu.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <cmath>
#include <optional>

namespace midpoint::model {
namespace {

kernels::ElementType elementType(const torch::Tensor& tensor)
{
    MIDPOINT_ASSERT(tensor.is_contiguous(), "kernels read contiguous arrays");
    switch (tensor.scalar_type()) {
    case torch::kBFloat16:
        return kernels::ElementType::BFloat16;
    case torch::kHalf:
        return kernels::ElementType::Float16;
    default:
        MIDPOINT_ASSERT(tensor.scalar_type() == torch::kFloat32, "a compute type is float32, bfloat16 or float16");
        return kernels::ElementType::Float32;
    }
}

kernels::PackedAttentionShape attentionShape(
    const PackedBatch& batch, const torch::Tensor& query, const torch::Tensor& key)
{
    return {
        .segmentOffsets = batch.segmentOffsets,
        .groupOffsets = batch.groupOffsets,
        .queryHeads = query.size(1),
        .keyValueHeads = key.size(1),
        .headDim = query.size(2),
        .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(query.size(2)))),
        .type = elementType(query),
    };
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

using OneDnnLinear = at::Tensor(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
    c10::string_view activation, c10::List<std::optional<at::Scalar>> scalars, std::optional<c10::string_view> algorithm);

// LibTorch's mm uses MKL for float32, which is slow on CPUs that it does not know: measured on one core of an AMD EPYC with
// AVX-512 for [6000, 128] x [128, 704], 59 GFLOP/s against 80 by oneDNN, and 50 against 93 for its gradient. This operator
// reaches oneDNN; it is absent from builds of LibTorch without it.
const std::optional<c10::TypedOperatorHandle<OneDnnLinear>>& oneDnnLinear()
{
    static const std::optional<c10::TypedOperatorHandle<OneDnnLinear>> handle = [] {
        const auto found = c10::Dispatcher::singleton().findSchema({ "mkldnn::_linear_pointwise", "" });
        return found ? std::optional(found->typed<OneDnnLinear>()) : std::nullopt;
    }();
    return handle;
}

// x weight^T + bias; the weight may have any strides.
torch::Tensor product(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias)
{
    if (x.scalar_type() == torch::kFloat32 && x.is_cpu() && oneDnnLinear())
        return oneDnnLinear()->call(x, weight, bias.defined() ? std::optional(bias) : std::nullopt, "none",
            c10::List<std::optional<at::Scalar>>(), "");
    return bias.defined() ? torch::addmm(bias, x, weight.t()) : torch::mm(x, weight.t());
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
    if (x.scalar_type() == torch::kFloat32)
        gradWeight.addmm_(gradY.t(), x);
    else
        gradWeight.add_(torch::mm(gradY.t(), x)); // the product accumulates in float32 and rounds once per batch
    if (gradBias.defined())
        gradBias.add_(gradY.sum(0, false, torch::kFloat32));
}

Normalised rmsNorm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon)
{
    const kernels::RmsNormShape shape = normShape(x, epsilon);
    Normalised out { torch::empty_like(x), torch::empty({ shape.rows }, torch::kFloat32) };
    kernels::rmsNormForward(shape,
        { .x = x.const_data_ptr(), .weight = weight.const_data_ptr(), .y = out.y.data_ptr(),
            .inverse = out.inverse.data_ptr<float>() });
    return out;
}

torch::Tensor rmsNormBackward(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& inverse,
    const torch::Tensor& gradY, torch::Tensor& gradWeight)
{
    torch::Tensor gradX = torch::empty_like(x);
    const torch::Tensor ownGradient = torch::empty_like(gradWeight);
    kernels::rmsNormBackward(normShape(x, 0.0), // epsilon is part of `inverse`
        { .x = x.const_data_ptr(), .weight = weight.const_data_ptr(), .inverse = inverse.const_data_ptr<float>(),
            .gradY = gradY.const_data_ptr(), .gradX = gradX.data_ptr(), .gradWeight = ownGradient.data_ptr<float>() });
    gradWeight.add_(ownGradient);
    return gradX;
}

void rotate(const kernels::RotaryTable& table, const PackedBatch& batch, torch::Tensor& x, kernels::RotaryDirection direction)
{
    kernels::rotary(table,
        { .tokens = x.size(0), .heads = x.size(1), .headDim = x.size(2), .stride = x.size(1) * x.size(2),
            .positions = batch.positions.data(), .x = x.data_ptr(), .type = elementType(x), .direction = direction });
}

torch::Tensor swiglu(const torch::Tensor& gateUp)
{
    torch::Tensor y = torch::empty({ gateUp.size(0), gateUp.size(1) / 2 }, gateUp.options());
    kernels::swigluForward(
        swigluShape(gateUp), { .gate = gateUp.const_data_ptr(), .up = upOf(gateUp), .y = y.data_ptr() });
    return y;
}

torch::Tensor swigluBackward(const torch::Tensor& gateUp, const torch::Tensor& gradY)
{
    torch::Tensor gradient = torch::empty_like(gateUp);
    kernels::swigluBackward(swigluShape(gateUp),
        { .gate = gateUp.const_data_ptr(), .up = upOf(gateUp), .gradY = gradY.const_data_ptr(),
            .gradGate = gradient.data_ptr(), .gradUp = const_cast<void*>(upOf(gradient)) });
    return gradient;
}

Attended attention(
    const PackedBatch& batch, const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value)
{
    Attended out { torch::empty_like(query), torch::empty({ query.size(0), query.size(1) }, torch::kFloat32) };
    kernels::packedAttentionForward(attentionShape(batch, query, key),
        { .query = query.const_data_ptr(), .key = key.const_data_ptr(), .value = value.const_data_ptr(),
            .output = out.output.data_ptr(), .logSumExp = out.logSumExp.data_ptr<float>() });
    return out;
}

AttentionGradient attentionBackward(const PackedBatch& batch, const torch::Tensor& query, const torch::Tensor& key,
    const torch::Tensor& value, const Attended& attended, const torch::Tensor& gradOutput)
{
    AttentionGradient out { torch::empty_like(query), torch::empty_like(key), torch::empty_like(value) };
    kernels::packedAttentionBackward(attentionShape(batch, query, key),
        { .query = query.const_data_ptr(), .key = key.const_data_ptr(), .value = value.const_data_ptr(),
            .output = attended.output.const_data_ptr(), .logSumExp = attended.logSumExp.const_data_ptr<float>(),
            .gradOutput = gradOutput.const_data_ptr(), .gradQuery = out.query.data_ptr(),
            .gradKey = out.key.data_ptr(), .gradValue = out.value.data_ptr() });
    return out;
}

} // namespace midpoint::model
