// Grading by a command of the user: JSON lines in and out (grading_protocol.h), in a pool of processes (worker_pool.h).
#pragma once

#include "backend/config/run_config.h"
#include "backend/reward/grader.h"

namespace midpoint::reward {

// Throws Error{Config} if the program, or the script that an interpreter is to run, is not there.
std::unique_ptr<Grader> makeExternalGrader(const config::RewardSection& settings);

} // namespace midpoint::reward
