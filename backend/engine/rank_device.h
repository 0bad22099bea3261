// Which device a rank computes on.
#pragma once

#include "backend/launch/rank_environment.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::engine {

// "cpu" or "cuda:N": the device of run.devices at the rank's place on its host. One listed device stands for as many of its kind as
// there are ranks, as with --nproc. Throws Error{Config} when the list is shorter than the ranks of the host.
std::string deviceOf(const std::vector<std::string>& devices, const launch::RankEnvironment& place);

// N of "cuda:N"; nothing for "cpu".
std::optional<std::int64_t> cudaIndex(const std::string& device);

} // namespace midpoint::engine
