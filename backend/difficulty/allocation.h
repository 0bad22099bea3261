// How many responses each chosen prompt gets, where that is not the same for all: more where the outcome is open and a response
// is cheap. Minimises the sum of s_i / G_i, the variance that the chosen prompts' success rates p_i are measured with
// (s_i = p_i (1 - p_i)), at the cost that the same number for all would have; without bounds that is G_i ~ sqrt(s_i / c_i).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace midpoint::difficulty {

struct AllocationOptions {
    std::int64_t samples = 8; // for all alike: what sets the budget
    std::int64_t fewest = 2;
    std::int64_t most = 16; // fewest <= samples <= most
};

// `signals` are the expected s_i; `costs` the prices c_i > 0 of one response, empty: all alike. One number per prompt.
std::vector<std::int64_t> allocateSamples(
    std::span<const double> signals, std::span<const double> costs, const AllocationOptions& options);

} // namespace midpoint::difficulty
