// Draws without replacement with probabilities proportional to exp(logit): the k largest of logit + standard Gumbel
// noise are exactly a sequential draw without replacement (Kool et al., "Stochastic beams and where to find them",
// 2019, section 2). In double: exp(-|p - alpha| / tau) at tau = 1e-3 underflows a float32 softmax.
#pragma once

#include "backend/core/rng.h"
#include "backend/core/rollout.h"

#include <cstdint>
#include <span>
#include <vector>

namespace midpoint::difficulty {

struct GumbelDraw {
    RngKey key; // prompt is filled in for each candidate
    std::int64_t count = 0;
    std::span<const PromptId> ids = {};
    std::span<const double> logits = {}; // empty: all equal; -infinity: never
    std::span<const std::uint8_t> blocked = {}; // empty: none
};

// Positions in the order of the draw; all candidates if there are fewer than count. Ties go to the smaller id.
std::vector<std::int64_t> gumbelTopK(const GumbelDraw& draw);
// The same without noise: the largest logits, ties to the smaller id.
std::vector<std::int64_t> plainTopK(const GumbelDraw& draw);
// Entropy in nats of the first draw.
double drawEntropy(std::span<const double> logits, std::span<const std::uint8_t> blocked);

} // namespace midpoint::difficulty
