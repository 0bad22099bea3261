// What decoding takes of a device's memory beside the key-value cache; computed from shapes before a run.
#pragma once

#include "backend/rollout/rollout_engine.h"

#include <cstdint>

namespace midpoint::rollout {

// Held from the first generation on: on the processor the matrices in the order in which few rows are multiplied fastest, on a
// device the arrays of a step.
std::int64_t lastingBytes(const model::Model& model, const RolloutOptions& options, std::int64_t longestSequence);
// Held only while prompts are read or steps are decoded.
std::int64_t passingBytes(const model::Model& model, const RolloutOptions& options);

} // namespace midpoint::rollout
