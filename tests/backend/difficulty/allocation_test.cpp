#include "backend/difficulty/allocation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace midpoint::difficulty {
namespace {

constexpr AllocationOptions kOptions { .samples = 4, .fewest = 2, .most = 8 };

double costOf(const std::vector<std::int64_t>& samples, const std::vector<double>& costs)
{
    double cost = 0.0;
    for (std::size_t i = 0; i < samples.size(); ++i)
        cost += static_cast<double>(samples[i]) * (costs.empty() ? 1.0 : costs[i]);
    return cost;
}

double varianceOf(const std::vector<std::int64_t>& samples, const std::vector<double>& signals)
{
    double variance = 0.0;
    for (std::size_t i = 0; i < samples.size(); ++i)
        variance += signals[i] / static_cast<double>(samples[i]);
    return variance;
}

TEST(Allocation, AllAlike_AllTheSame)
{
    const std::vector<double> signals(5, 0.2);
    EXPECT_EQ(allocateSamples(signals, {}, kOptions), (std::vector<std::int64_t>(5, 4)));
}

// Against every allocation of three prompts that the budget allows.
TEST(Allocation, ThreePrompts_LeastVarianceOfAll)
{
    const std::vector<double> signals = { 0.25, 0.09, 0.01 };
    double best = std::numeric_limits<double>::infinity();
    for (std::int64_t a = 2; a <= 8; ++a)
        for (std::int64_t b = 2; b <= 8; ++b)
            for (std::int64_t c = 2; c <= 8; ++c)
                if (a + b + c <= 12)
                    best = std::min(best, varianceOf({ a, b, c }, signals));
    const auto samples = allocateSamples(signals, {}, kOptions);
    EXPECT_EQ(std::accumulate(samples.begin(), samples.end(), std::int64_t { 0 }), 12);
    EXPECT_NEAR(varianceOf(samples, signals), best, 1e-12);
}

TEST(Allocation, DearPrompts_GetFewerWithinTheBudget)
{
    const std::vector<double> signals(4, 0.2);
    const std::vector<double> costs = { 10.0, 10.0, 40.0, 40.0 };
    const auto samples = allocateSamples(signals, costs, kOptions);
    EXPECT_LE(costOf(samples, costs), 4 * 100.0 + 1e-9);
    EXPECT_GT(costOf(samples, costs), 4 * 100.0 - 40.0);
    EXPECT_GT(samples[0], samples[2]);
    // Half as many at four times the price.
    EXPECT_NEAR(static_cast<double>(samples[0]) / static_cast<double>(samples[2]), 2.0, 0.7);
}

TEST(Allocation, NoSignalAnywhere_StaysInBounds)
{
    const std::vector<double> signals(3, 0.0);
    for (const std::int64_t count : allocateSamples(signals, {}, kOptions)) {
        EXPECT_GE(count, 2);
        EXPECT_LE(count, 8);
    }
    EXPECT_TRUE(allocateSamples({}, {}, kOptions).empty());
}

} // namespace
} // namespace midpoint::difficulty
