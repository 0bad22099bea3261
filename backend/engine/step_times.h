// Where the time of a step went, on every rank.
#pragma once

#include "backend/engine/step_outcome.h"

#include <vector>

namespace midpoint::engine {

// What of a phase was spent waiting for other ranks becomes a phase of its own, "wait", at its end.
std::vector<store::PhaseTiming> phaseTimings(const StepOutcome& outcome, std::int64_t storedStep);

} // namespace midpoint::engine
