#include "backend/difficulty/calibration.h"

#include "backend/core/error.h"
#include "backend/core/rng.h"

#include <gtest/gtest.h>

#include <cmath>

namespace midpoint::difficulty {
namespace {

double sigmoid(double x)
{
    return 1.0 / (1.0 + std::exp(-x));
}

std::vector<ReferencePrediction> pairsOf(const std::vector<std::pair<double, std::int64_t>>& predictedAndSuccesses)
{
    std::vector<ReferencePrediction> pairs;
    for (const auto& [predicted, successes] : predictedAndSuccesses)
        pairs.push_back({ 0, predicted, successes, 8 });
    return pairs;
}

TEST(Calibration, None_LeavesPredictions)
{
    const Calibration calibration = fitCalibration(CalibrationKind::None, pairsOf({ { .1, 8 }, { .9, 0 } }));
    EXPECT_EQ(calibration.apply(.3), .3);
}

TEST(Calibration, Linear_PointsOnALine_FindsIt)
{
    const auto pairs = pairsOf({ { .2, 2 }, { .4, 4 }, { .6, 6 } }); // rate = 1.25 p
    for (const auto kind : { CalibrationKind::Linear, CalibrationKind::LinearUnclamped }) {
        const Calibration calibration = fitCalibration(kind, pairs);
        EXPECT_NEAR(calibration.slope, 1.25, 1e-12);
        EXPECT_NEAR(calibration.offset, 0.0, 1e-12);
    }
    EXPECT_EQ(fitCalibration(CalibrationKind::Linear, pairs).apply(.9), 1.0);
    EXPECT_NEAR(fitCalibration(CalibrationKind::LinearUnclamped, pairs).apply(.9), 1.125, 1e-12) << "as released";
}

TEST(Calibration, Linear_ReversedPairs_NeverReversesTheOrder)
{
    const auto pairs = pairsOf({ { .2, 8 }, { .5, 4 }, { .8, 0 } });
    const Calibration guarded = fitCalibration(CalibrationKind::Linear, pairs);
    EXPECT_EQ(guarded.slope, 0.0);
    EXPECT_NEAR(guarded.apply(.9), .5, 1e-12);
    EXPECT_LT(fitCalibration(CalibrationKind::LinearUnclamped, pairs).slope, 0.0) << "as released";
    const Calibration platt = fitCalibration(CalibrationKind::Platt, pairs);
    EXPECT_GT(platt.slope, 0.0);
    EXPECT_LT(platt.apply(.2), platt.apply(.8));
}

TEST(Calibration, ConstantPredictions_MeanOfTheLabels)
{
    const auto pairs = pairsOf({ { .4, 8 }, { .4, 4 }, { .4, 0 }, { .4, 0 } });
    EXPECT_NEAR(fitCalibration(CalibrationKind::Linear, pairs).apply(.4), .375, 1e-9);
    EXPECT_NEAR(fitCalibration(CalibrationKind::LinearUnclamped, pairs).apply(.4), .375, 1e-9);
    EXPECT_NEAR(fitCalibration(CalibrationKind::Platt, pairs).apply(.4), .375, 0.01);
}

TEST(Calibration, NoPairs_Identity)
{
    for (const auto kind : { CalibrationKind::Linear, CalibrationKind::LinearUnclamped, CalibrationKind::Platt })
        EXPECT_NEAR(fitCalibration(kind, {}).apply(.3), .3, 1e-12);
}

TEST(Calibration, Platt_ManyLabels_RecoversSlopeAndOffset)
{
    RngKey key;
    key.purpose = DrawPurpose::Simulation;
    Rng rng(key);
    std::vector<ReferencePrediction> pairs;
    for (int i = 0; i < 4000; ++i) {
        const double x = 2.0 * rng.normal();
        ReferencePrediction pair { 0, sigmoid(x), 0, 8 };
        for (int j = 0; j < 8; ++j)
            pair.successes += rng.uniform() < sigmoid(0.6 * x - 0.8) ? 1 : 0;
        pairs.push_back(pair);
    }
    const Calibration calibration = fitCalibration(CalibrationKind::Platt, pairs);
    EXPECT_NEAR(calibration.slope, 0.6, 0.03);
    EXPECT_NEAR(calibration.offset, -0.8, 0.04);
}

// The minimum found by Newton's method against a scan of the posterior on a grid.
TEST(Calibration, Platt_FewLabels_MaximisesThePosterior)
{
    const auto pairs = pairsOf({ { .2, 0 }, { .5, 3 }, { .7, 8 } });
    const Calibration found = fitCalibration(CalibrationKind::Platt, pairs);
    const auto objective = [&](double slope, double offset) {
        double value = (slope - 1) * (slope - 1) / (2 * .25) + offset * offset / 2;
        for (const ReferencePrediction& pair : pairs) {
            const double p = sigmoid(slope * std::log(pair.predicted / (1 - pair.predicted)) + offset);
            value -= static_cast<double>(pair.successes) * std::log(p)
                + static_cast<double>(8 - pair.successes) * std::log(1 - p);
        }
        return value;
    };
    const double best = objective(found.slope, found.offset);
    for (double slope = 0.1; slope < 4.0; slope += 0.05)
        for (double offset = -3.0; offset < 3.0; offset += 0.05)
            EXPECT_LE(best, objective(slope, offset) + 1e-9);
}

TEST(Calibration, Platt_TwoLabels_StaysNearTheIdentity)
{
    const Calibration calibration = fitCalibration(CalibrationKind::Platt, pairsOf({ { .45, 0 }, { .55, 8 } }));
    EXPECT_LT(calibration.slope, 2.5) << "the prior keeps two labels from making a step function";
}

TEST(Calibration, FromName_UnknownKind_NamesTheKey)
{
    EXPECT_EQ(calibrationFromName("linear-unclamped"), CalibrationKind::LinearUnclamped);
    try {
        calibrationFromName("quadratic");
        FAIL() << "an unknown calibration was accepted";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("selection.calibration"), std::string::npos);
    }
}

} // namespace
} // namespace midpoint::difficulty
