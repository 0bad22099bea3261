#include "backend/difficulty/screening.h"

#include <cmath>

namespace midpoint::difficulty {

double screenedResponses(double successRate, std::int64_t samples, std::int64_t screened)
{
    const auto m = static_cast<double>(screened);
    const double givenUp = std::pow(successRate, m) + std::pow(1.0 - successRate, m);
    return m + (1.0 - givenUp) * static_cast<double>(samples - screened);
}

double screeningFactor(double successRate, std::int64_t samples, std::int64_t screened)
{
    const auto m = static_cast<double>(screened);
    const auto g = static_cast<double>(samples);
    // p^m m / p is written as m p^(m - 1), so that p = 0 needs no case of its own.
    const auto lost = [&](double p) { return m * std::pow(p, m - 1.0) + std::pow(p, m) * (g - m - 1.0); };
    return 1.0 - (g - m) / (g * (g - 1.0)) * (lost(successRate) + lost(1.0 - successRate));
}

} // namespace midpoint::difficulty
