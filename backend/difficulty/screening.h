// Screening: the first m of a group's G responses are made first, and the group is completed only if their rewards differ.
// What that saves, and what it does to the gradient.
#pragma once

#include <cstdint>

namespace midpoint::difficulty {

// Responses that a prompt of this success rate costs on average.
double screenedResponses(double successRate, std::int64_t samples, std::int64_t screened);

// A screened group's expected gradient (advantages r - mean, success as the reward) is that of the full group times this
// factor: the direction of every prompt stays, prompts near 0 and 1 weigh less, and none vanishes.
//
// With a group dropped when its first m outcomes are equal, what is lost of the sum over i of (r_i - mean) score_i is, for
// m successes first, p^m (G - m) / G (m / p + G - m - 1) times the gradient of p, for m failures the same with q = 1 - p;
// the full group's sum is (G - 1) times it.
double screeningFactor(double successRate, std::int64_t samples, std::int64_t screened);

} // namespace midpoint::difficulty
