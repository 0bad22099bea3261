// Makes the grader that a configuration asks for.
#pragma once

#include "backend/config/run_config.h"
#include "backend/reward/grader.h"

namespace midpoint::reward {

// Throws Error{Config} for an unknown kind, a pattern that does not compile or a missing external command.
std::unique_ptr<Grader> makeGrader(const config::RewardSection& settings);

// The mathematical grader with the wide bounds of a process that may be killed: what `midpoint grade --serve` runs.
std::unique_ptr<Grader> makeServingGrader();

} // namespace midpoint::reward
