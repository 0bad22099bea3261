// Times the policy update alone, for `midpoint bench step`: real forward, backward and optimizer on made-up rollouts.
#pragma once

#include "backend/model/model.h"

#include <cstdint>

namespace midpoint::policy {

struct BenchUpdateShape {
    std::int64_t prompts = 16;
    std::int64_t samplesPerPrompt = 8;
    std::int64_t promptTokens = 16;
    std::int64_t responseTokens = 46;
    std::int64_t promptsPerUpdate = 16;
    std::int64_t tokensPerMicrobatch = 16384;
    std::int64_t repetitions = 5; // after one that warms up
};

struct BenchUpdateResult {
    double seconds = 0.0;      // median of one update step
    double bestSeconds = 0.0;
    double tokensPerSecond = 0.0; // response tokens
    double loss = 0.0;
};

// Trains `model` (it is changed).
BenchUpdateResult benchUpdate(model::Model& model, const BenchUpdateShape& shape);

} // namespace midpoint::policy
