#include "backend/model/memory.h"

#include "backend/model/scoring.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>

namespace midpoint::model {
namespace {

constexpr std::int64_t kFloatBytes = 4;

std::int64_t bytesOf(const torch::Tensor& tensor) { return tensor.defined() ? tensor.numel() * tensor.element_size() : 0; }

std::int64_t elementBytes(const Model& model)
{
    return static_cast<std::int64_t>(torch::elementSize(model.options().computeType));
}

// What one layer keeps of a token for its backward pass, its input apart (layer.h, LayerActivations).
std::int64_t keptPerToken(const ModelConfig& config, std::int64_t element)
{
    const std::int64_t heads = config.headCount + config.kvHeadCount;
    std::int64_t elements = config.hiddenSize + 2 * config.queryRows() + 2 * config.kvRows() + 2 * config.intermediateSize;
    std::int64_t floats = 2 + config.headCount; // the norms' inverses and attention's sums
    if (config.hasQueryKeyNorm) {
        elements += config.queryRows() + config.kvRows();
        floats += heads;
    }
    return elements * element + floats * kFloatBytes;
}

// What comes and goes while one layer is computed backward; the forward pass needs less.
std::int64_t passingPerToken(const ModelConfig& config, std::int64_t element)
{
    return (4 * config.hiddenSize + 3 * config.intermediateSize) * element;
}

class PeakCounter final : public c10::MemoryReportingInfoBase {
public:
    explicit PeakCounter(torch::Device place)
        : m_place(place)
    {
    }
    void reportMemoryUsage(void* /*pointer*/, std::int64_t size, std::size_t /*allocated*/, std::size_t /*reserved*/, c10::Device place) override
    {
        if (place != m_place)
            return;
        m_present += size; // negative where memory is given back
        m_peak = std::max(m_peak, m_present);
    }
    bool memoryProfilingEnabled() const override { return true; }
    std::int64_t peak() const { return m_peak; }

private:
    torch::Device m_place;
    std::int64_t m_present = 0;
    std::int64_t m_peak = 0;
};

} // namespace

std::int64_t weightBytes(const Model& model)
{
    std::int64_t bytes = bytesOf(model.rotaryCosine()) + bytesOf(model.rotarySine());
    for (const Parameter& parameter : model.parameters()) {
        bytes += bytesOf(parameter.value);
        if (!parameter.compute.is_same(parameter.value))
            bytes += bytesOf(parameter.compute);
    }
    return bytes;
}

std::int64_t masterBytes(const Model& model) { return parameterCount(model.config()) * kFloatBytes; }

std::int64_t activationBytes(const Model& model, std::int64_t tokens, std::int64_t scoredTokens)
{
    const ModelConfig& config = model.config();
    const std::int64_t element = elementBytes(model);
    const std::int64_t kept = keptPerToken(config, element);
    const std::int64_t input = config.hiddenSize * element;
    const bool isKept = !model.options().activationCheckpointing;
    const std::int64_t perToken = config.layerCount * (input + (isKept ? kept : 0)) + 2 * input // the last output, and after its norm
        + (isKept ? 0 : kept);
    const std::int64_t whileLayer = passingPerToken(config, element) * tokens;
    // Logits of one chunk and its rows; below float32 also the product for the head's gradient.
    const std::int64_t rows = std::min(scoredTokens, scoringChunkRows(model.options().device, config.vocabularySize, element));
    std::int64_t whileHead = rows * (config.vocabularySize + 2 * config.hiddenSize) * element + input * tokens;
    if (element < kFloatBytes)
        whileHead += config.vocabularySize * config.hiddenSize * element;
    return perToken * tokens + scoredTokens * 3 * kFloatBytes + std::max(whileLayer, whileHead);
}

std::int64_t readingBytes(const Model& model, std::int64_t tokens)
{
    const std::int64_t element = elementBytes(model);
    return tokens * (2 * model.config().hiddenSize * element + keptPerToken(model.config(), element));
}

std::int64_t cacheBytesPerToken(const Model& model)
{
    return model.config().layerCount * 2 * model.config().kvRows() * elementBytes(model);
}

struct AllocationWatch::State {
    explicit State(torch::Device place)
        : counter(std::make_shared<PeakCounter>(place))
    {
    }
    std::shared_ptr<PeakCounter> counter;
    c10::DebugInfoGuard guard { c10::DebugInfoKind::PROFILER_STATE, counter };
};

AllocationWatch::AllocationWatch(torch::Device place)
    : m_state(std::make_unique<State>(place))
{
}
AllocationWatch::~AllocationWatch() = default;
std::int64_t AllocationWatch::peakBytes() const { return m_state->counter->peak(); }

} // namespace midpoint::model
