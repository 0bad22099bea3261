#include "backend/policy/advantage.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <cmath>
#include <numeric>

namespace midpoint::policy {

Advantage parseAdvantage(const std::string& name)
{
    if (name == "grpo")
        return Advantage::Grpo;
    if (name == "dr_grpo")
        return Advantage::DrGrpo;
    if (name == "rloo")
        return Advantage::Rloo;
    throw Error(ErrorKind::Config, concat("policy.advantage: expected grpo, dr_grpo or rloo, found '", name, "'"));
}

std::vector<double> advantages(Advantage kind, std::span<const double> rewards)
{
    constexpr double kDeviationFloor = 1e-6; // as published; keeps equal rewards at 0
    std::vector<double> out(rewards.size(), 0.0);
    if (rewards.size() < 2)
        return out;
    const auto count = static_cast<double>(rewards.size());
    const double mean = std::accumulate(rewards.begin(), rewards.end(), 0.0) / count;
    double squares = 0.0;
    bool allEqual = true; // exactly 0 then, whatever the rounding of the mean
    for (const double reward : rewards) {
        squares += (reward - mean) * (reward - mean);
        allEqual = allEqual && reward == rewards.front();
    }
    if (allEqual)
        return out;
    double scale = 1.0;
    if (kind == Advantage::Grpo)
        scale = 1.0 / (std::sqrt(squares / (count - 1.0)) + kDeviationFloor);
    if (kind == Advantage::Rloo)
        scale = count / (count - 1.0); // r - mean of the others = (r - mean) n / (n - 1)
    for (std::size_t i = 0; i < rewards.size(); ++i)
        out[i] = (rewards[i] - mean) * scale;
    return out;
}

} // namespace midpoint::policy
