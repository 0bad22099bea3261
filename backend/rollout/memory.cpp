#include "backend/rollout/memory.h"

#include "backend/model/memory.h"
#include "backend/rollout/device_decoder.h"
#include "backend/rollout/device_steps.h"

namespace midpoint::rollout {

std::int64_t lastingBytes(const model::Model& model, const RolloutOptions& options, std::int64_t longestSequence)
{
    if (!model.options().device.isProcessor())
        return DeviceDecoder::arrayBytes(model, paddedRows(options.maxSequences), longestSequence);
    return model::parameterCount(model.config()) * static_cast<std::int64_t>(torch::elementSize(model.options().computeType));
}

std::int64_t passingBytes(const model::Model& model, const RolloutOptions& options)
{
    if (model.options().device.isProcessor())
        return options.maxSequences * model.config().vocabularySize * static_cast<std::int64_t>(sizeof(float));
    return model::readingBytes(model, options.prefillTokens);
}

} // namespace midpoint::rollout
