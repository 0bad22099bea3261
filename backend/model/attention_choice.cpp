#include "backend/model/attention_choice.h"

#include "backend/core/rng.h"
#include "backend/model/operations.h"

namespace midpoint::model {
namespace {

constexpr std::int64_t kLargestFlashHead = 256;
constexpr std::int64_t kFlashHeadUnit = 8;

PackedBatch trialBatch()
{
    const auto tokens = [](std::size_t count) { return std::vector<std::int32_t>(count, 0); };
    PackedBatch batch;
    batch.addSequence(tokens(70));
    const std::vector<std::vector<std::int32_t>> responses { tokens(40), {}, tokens(2), tokens(140) };
    batch.addGroup(tokens(33), std::vector<std::span<const std::int32_t>>(responses.begin(), responses.end()));
    return batch;
}

torch::Tensor drawn(std::int64_t tokens, std::int64_t heads, std::int64_t width, std::int64_t subject)
{
    Rng rng({ 1, DrawPurpose::Benchmark, 0, subject, 0 });
    torch::Tensor values = torch::empty({ tokens, heads, width });
    for (float* value = values.data_ptr<float>(); value != values.data_ptr<float>() + values.numel(); ++value)
        *value = static_cast<float>(rng.normal());
    return values;
}

bool areNear(const torch::Tensor& found, const torch::Tensor& expected, torch::ScalarType type)
{
    const double tolerance = type == torch::kFloat32 ? 1e-4 : type == torch::kHalf ? 1e-2 : 6e-2;
    const torch::Tensor error = (found.to(torch::kFloat32) - expected.to(torch::kFloat32)).abs() / (1.0 + expected.to(torch::kFloat32).abs());
    return error.max().item<double>() < tolerance; // false for NaN
}

} // namespace

bool agreesWithOwnAttention(const VarlenKernel& kernel, const ModelConfig& config, torch::ScalarType type, const compute::Device& device)
{
    const torch::NoGradGuard noGradient;
    const PackedBatch batch = trialBatch();
    const BatchTensors tensors(device, batch, config.headDimension);
    const auto array = [&](std::int64_t heads, std::int64_t subject) {
        return drawn(batch.tokenCount(), heads, config.headDimension, subject).to(device.place(), type);
    };
    // As many query heads for each head of keys as the model has.
    const std::int64_t heads = config.headCount / config.kvHeadCount * 2;
    const torch::Tensor query = array(heads, 1), key = array(2, 2), value = array(2, 3), gradOutput = array(heads, 4);
    const Attended expected = attention(tensors, query, key, value);
    const AttentionGradient gradient = attentionBackward(tensors, query, key, value, expected, gradOutput);
    const VarlenLayout layout(batch, device.place());
    const VarlenForward found = varlenAttention(kernel, layout, query, key, value);
    const VarlenBackward foundGradient = varlenAttentionBackward(kernel, layout, query, key, value, found, gradOutput);
    return areNear(found.output, expected.output, type) && areNear(foundGradient.query, gradient.query, type)
        && areNear(foundGradient.key, gradient.key, type) && areNear(foundGradient.value, gradient.value, type);
}

std::unique_ptr<const VarlenKernel> chooseAttention(const ModelConfig& config, torch::ScalarType type, const compute::Device& device)
{
    const bool mayFit = !device.place().is_cpu() && type != torch::kFloat32 && config.headDimension <= kLargestFlashHead
        && config.headDimension % kFlashHeadUnit == 0;
    if (!mayFit)
        return nullptr;
    auto flash = std::make_unique<const FlashAttention>();
    try {
        if (agreesWithOwnAttention(*flash, config, type, device))
            return flash;
    } catch (const c10::Error&) { // a device or a build of LibTorch that has none
    }
    return nullptr;
}

} // namespace midpoint::model
