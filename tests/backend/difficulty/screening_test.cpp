#include "backend/difficulty/screening.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace midpoint::difficulty {
namespace {

struct Case {
    double rate;
    int samples;
    int screened;
};

// Every outcome of a group, weighted by its chance. The score of a response is the derivative of log pi along any direction:
// +q on successes and -p on failures has mean 0 and makes p (1 - p) the derivative of p.
template <typename Visit> void forEveryOutcome(const Case& c, Visit visit)
{
    for (int outcome = 0; outcome < 1 << c.samples; ++outcome) {
        const int successes = __builtin_popcount(static_cast<unsigned>(outcome));
        const double chance = std::pow(c.rate, successes) * std::pow(1.0 - c.rate, c.samples - successes);
        const int first = outcome & ((1 << c.screened) - 1);
        const bool isCompleted = first != 0 && first != (1 << c.screened) - 1;
        double gradient = 0.0;
        const double mean = static_cast<double>(successes) / c.samples;
        for (int i = 0; i < c.samples; ++i) {
            const bool isSuccess = (outcome >> i & 1) != 0;
            gradient += ((isSuccess ? 1.0 : 0.0) - mean) * (isSuccess ? 1.0 - c.rate : -c.rate);
        }
        visit(chance, isCompleted, gradient);
    }
}

class Screening : public testing::TestWithParam<Case> { };

TEST_P(Screening, MeanGradient_IsTheFullGroupsTimesTheFactor)
{
    const Case c = GetParam();
    double full = 0.0;
    double screened = 0.0;
    forEveryOutcome(c, [&](double chance, bool isCompleted, double gradient) {
        full += chance * gradient;
        screened += isCompleted ? chance * gradient : 0.0;
    });
    EXPECT_NEAR(full, (c.samples - 1) * c.rate * (1.0 - c.rate), 1e-12);
    EXPECT_NEAR(screened, full * screeningFactor(c.rate, c.samples, c.screened), 1e-12);
}

TEST_P(Screening, MeanResponses_CountTheScreenedAndTheCompleted)
{
    const Case c = GetParam();
    double responses = 0.0;
    forEveryOutcome(c, [&](double chance, bool isCompleted, double) { responses += chance * (isCompleted ? c.samples : c.screened); });
    EXPECT_NEAR(responses, screenedResponses(c.rate, c.samples, c.screened), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Groups, Screening,
    testing::Values(Case { 0.5, 8, 2 }, Case { 0.5, 8, 4 }, Case { 0.3, 8, 3 }, Case { 0.05, 8, 3 }, Case { 0.97, 6, 2 },
        Case { 0.5, 3, 2 }, Case { 0.8, 12, 5 }));

TEST(ScreeningFactor, NearTheEdges_WeighsLessButNeverChangesSign)
{
    for (const double rate : { 0.001, 0.01, 0.1, 0.3, 0.5, 0.9, 0.999 }) {
        EXPECT_GT(screeningFactor(rate, 8, 3), 0.0) << rate;
        EXPECT_LT(screeningFactor(rate, 8, 3), 1.0) << rate;
    }
    EXPECT_GT(screeningFactor(0.5, 8, 3), screeningFactor(0.1, 8, 3));
}

} // namespace
} // namespace midpoint::difficulty
