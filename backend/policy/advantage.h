// Advantages of the rollouts of one group from their rewards.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace midpoint::policy {

// Grpo: (r - mean) / (s + 1e-6) with the unbiased deviation s. DrGrpo: r - mean. Rloo: r - mean of the others.
// A group of one has advantage 0.
enum class Advantage { Grpo, DrGrpo, Rloo };

Advantage parseAdvantage(const std::string& name); // "grpo", "dr_grpo", "rloo"; throws Error{Config}
std::vector<double> advantages(Advantage kind, std::span<const double> rewards);

} // namespace midpoint::policy
