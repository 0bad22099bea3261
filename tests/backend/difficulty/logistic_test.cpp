#include "backend/difficulty/logistic.h"

#include "backend/core/rng.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace midpoint::difficulty {
namespace {

TEST(Logistic, AnyProblem_GradientVanishes)
{
    for (const std::int64_t dimension : { 3, 12 }) {
        Rng rng = Rng({ .seed = 21, .purpose = DrawPurpose::Simulation, .step = dimension });
        constexpr std::int64_t kRows = 8;
        std::vector<float> values(static_cast<std::size_t>(kRows * dimension));
        for (float& value : values)
            value = static_cast<float>(rng.normal());
        const Features features(embeddingRows(values, dimension), kRows, std::sqrt(static_cast<double>(dimension)));
        const std::vector<std::int64_t> rows = { 0, 3, 1, 2, 7, 3 };
        std::vector<double> trials;
        std::vector<double> targets;
        std::vector<double> offsets;
        std::vector<double> times;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            trials.push_back(8.0 * rng.uniform());
            targets.push_back(i == 0 ? 0.0 : rng.uniform());
            offsets.push_back(rng.normal());
            times.push_back(-rng.uniform());
        }
        const double penalty = 0.7;
        LogisticHead head;
        for (int i = 0; i < 5; ++i) // each goes on where the last one ended
            fitLogistic({ &features, rows, trials, targets, offsets, times, penalty }, head);
        const auto featuresOf = [&](std::size_t i) {
            std::vector<float> row(static_cast<std::size_t>(dimension));
            features.copyRow(rows[i], row.data());
            return row;
        };
        double interceptGradient = -0.01 * head.intercept;
        double trendGradient = -0.1 * head.trend;
        std::vector<double> gradient(static_cast<std::size_t>(dimension));
        for (std::size_t j = 0; j < gradient.size(); ++j)
            gradient[j] = -penalty * head.coefficients[j];
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const double p = 1.0 / (1.0 + std::exp(-offsets[i] - head.logit(features, rows[i]) - head.trend * times[i]));
            interceptGradient += trials[i] * (targets[i] - p);
            trendGradient += trials[i] * (targets[i] - p) * times[i];
            for (std::size_t j = 0; j < gradient.size(); ++j)
                gradient[j] += trials[i] * (targets[i] - p) * static_cast<double>(featuresOf(i)[j]);
        }
        EXPECT_NEAR(interceptGradient, 0.0, 1e-6);
        EXPECT_NEAR(trendGradient, 0.0, 1e-6);
        for (const double value : gradient)
            EXPECT_NEAR(value, 0.0, 1e-6);
    }
}

TEST(Logistic, NoFeatures_ShareOfAllTrials)
{
    const std::vector<std::int64_t> rows = { 0, 1 };
    const std::vector<double> trials = { 100.0, 300.0 };
    const std::vector<double> targets = { 0.5, 0.9 };
    LogisticHead head;
    fitLogistic({ .rows = rows, .trials = trials, .targets = targets }, head);
    EXPECT_NEAR(1.0 / (1.0 + std::exp(-head.logit(Features(), 0))), 0.8, 1e-4);
}

TEST(Logistic, OutcomesAllEqual_StaysFinite)
{
    const std::vector<float> values = { 1.0F, -1.0F };
    const Features features(embeddingRows(values, 1), 2, 1.0);
    const std::vector<std::int64_t> rows = { 0, 1 };
    const std::vector<double> trials = { 8.0, 8.0 };
    const std::vector<double> targets = { 0.0, 0.0 };
    LogisticHead head;
    for (int i = 0; i < 100; ++i)
        fitLogistic({ &features, rows, trials, targets, {}, {}, 1.0 }, head);
    EXPECT_LT(head.intercept, -4.0);
    EXPECT_GT(head.intercept, -20.0);
    EXPECT_NEAR(head.coefficients[0], 0.0, 1e-6);
}

} // namespace
} // namespace midpoint::difficulty
