// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/series.h"
#include "widgets/viewmodels/x_quantity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace midpoint::gui {
namespace {

Series noisy(std::size_t count, unsigned seed)
{
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    Series series;
    for (std::size_t i = 0; i < count; ++i)
        series.append(static_cast<double>(i), normal(random));
    return series;
}

TEST(Series, Decimated_KeepsEverySpike_AndTwoPointsPerColumn)
{
    Series series;
    for (int i = 0; i < 100'000; ++i)
        series.append(i, i == 77'777 ? 50.0 : i == 12'345 ? -50.0 : 0.1 * (i % 7));
    const Points points = series.decimated(0, 99'999, 500);
    EXPECT_LE(points.x.size(), 1000u);
    EXPECT_EQ(*std::max_element(points.y.begin(), points.y.end()), 50.0);
    EXPECT_EQ(*std::min_element(points.y.begin(), points.y.end()), -50.0);
    EXPECT_TRUE(std::is_sorted(points.x.begin(), points.x.end()));
    const auto spike = std::find(points.y.begin(), points.y.end(), 50.0) - points.y.begin();
    EXPECT_EQ(points.x[static_cast<std::size_t>(spike)], 77'777.0);
}

TEST(Series, Averaged_IsTheMeanOfEachColumn_AndPassesNaNOver)
{
    Series series;
    for (int i = 0; i < 1000; ++i)
        series.append(i, i == 5 ? std::nan("") : i < 500 ? 1.0 + (i % 2) : 10.0);
    const Points points = series.averaged(0, 999, 10);
    ASSERT_EQ(points.x.size(), 10u);
    EXPECT_NEAR(points.y[0], (1.5 * 100 - 2.0) / 99.0, 1e-12) << "point 5, a 2, is missing";
    EXPECT_NEAR(points.y[1], 1.5, 1e-12);
    EXPECT_NEAR(points.y[9], 10.0, 1e-12);
    for (std::size_t i = 1; i < points.x.size(); ++i)
        EXPECT_GT(points.x[i], points.x[i - 1]);
    EXPECT_EQ(series.averaged(10, 14, 10).x, series.decimated(10, 14, 10).x) << "few points stay as they are";
}

TEST(Series, Decimated_OfShortRange_ReturnsAllPointsAndNeighbours)
{
    const Series series = noisy(1000, 1);
    const Points points = series.decimated(100, 110, 500);
    EXPECT_EQ(points.x.front(), 99.0);
    EXPECT_EQ(points.x.back(), 111.0);
    EXPECT_EQ(points.x.size(), 13u);
}

TEST(Series, ValueRange_OverPyramid_EqualsPlainScan)
{
    const Series series = noisy(70'000, 2);
    std::mt19937 random(3);
    for (int trial = 0; trial < 300; ++trial) {
        std::size_t first = random() % series.size();
        std::size_t last = random() % (series.size() + 1);
        if (first > last)
            std::swap(first, last);
        Range expected;
        for (std::size_t i = first; i < last; ++i)
            expected.include(series.y(i));
        const Range found = series.valueRange(first, last);
        EXPECT_EQ(found.lower, expected.lower) << first << " " << last;
        EXPECT_EQ(found.upper, expected.upper) << first << " " << last;
    }
}

TEST(Series, NotANumber_IsAGapAndNotInTheRange)
{
    Series series;
    for (int i = 0; i < 1000; ++i)
        series.append(i, i % 2 == 0 ? std::nan("") : 5.0);
    EXPECT_EQ(series.valueRange(0, 1000).upper, 5.0);
    EXPECT_TRUE(series.valueRange(0, 1).isEmpty());
}

TEST(Series, Nearest_FindsTheCloserNeighbour)
{
    Series series;
    for (const double x : { 0.0, 10.0, 20.0 })
        series.append(x, x);
    EXPECT_EQ(series.nearest(4.0), 0u);
    EXPECT_EQ(series.nearest(6.0), 1u);
    EXPECT_EQ(series.nearest(99.0), 2u);
    EXPECT_EQ(series.nearest(-1.0), 0u);
}

TEST(MovingAverage, Constant_StaysConstantFromTheFirstPoint)
{
    for (const double value : smoothed(std::vector<double>(50, 3.25), 0.99))
        EXPECT_NEAR(value, 3.25, 1e-12);
}

TEST(MovingAverage, AnySeries_EqualsTheWeightedSumOfItsDefinition)
{
    const double weight = 0.9;
    const std::vector<double> values { 1.0, -2.0, 4.0, 0.5, 8.0 };
    const std::vector<double> found = smoothed(values, weight);
    for (std::size_t t = 0; t < values.size(); ++t) {
        double sum = 0.0;
        double weights = 0.0;
        for (std::size_t i = 0; i <= t; ++i) {
            const double w = std::pow(weight, static_cast<double>(t - i));
            sum += w * values[i];
            weights += w;
        }
        EXPECT_NEAR(found[t], sum / weights, 1e-12);
    }
}

TEST(MovingAverage, NotANumber_LeavesTheAverageOfTheOthers)
{
    const std::vector<double> found = smoothed({ 2.0, std::nan(""), 2.0 }, 0.5);
    EXPECT_TRUE(std::isnan(found[1]));
    EXPECT_NEAR(found[2], 2.0, 1e-12);
}

TEST(Curve, AppendedOneByOne_EqualsTheWholeSmoothed)
{
    Curve curve(0.8);
    std::vector<double> values;
    for (int i = 0; i < 500; ++i) {
        values.push_back(std::sin(i * 0.3) + i);
        curve.append(i, values.back());
    }
    const std::vector<double> expected = smoothed(values, 0.8);
    for (std::size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(curve.raw().y(i), values[i]);
        EXPECT_NEAR(curve.smooth().y(i), expected[i], 1e-12);
    }
    values.push_back(7.0);
    curve.append(500, 7.0);
    EXPECT_NEAR(curve.smooth().y(500), smoothed(values, 0.8)[500], 1e-12) << "goes on where it was";
    curve.setSmoothing(0.3);
    EXPECT_NEAR(curve.smooth().y(500), smoothed(values, 0.3)[500], 1e-12);
    curve.setSmoothing(0.0);
    EXPECT_EQ(curve.smooth().y(500), 7.0);
}

TEST(StepScale, BetweenAndBeforeKnownSteps_TakesTheLastKnownOrNothing)
{
    StepScale scale;
    scale.append(1, 100);
    scale.append(5, 500);
    EXPECT_TRUE(std::isnan(scale.at(0)));
    EXPECT_EQ(scale.at(1), 100);
    EXPECT_EQ(scale.at(4), 100);
    EXPECT_EQ(scale.at(9), 500);
    EXPECT_EQ(scale.stepAt(499), 1);
    EXPECT_EQ(scale.stepAt(501), 5);
}

TEST(StepScale, RisingSteps_AreFoundFromTheLastPlace)
{
    StepScale scale;
    for (int i = 1; i <= 50; ++i)
        scale.append(3 * i, 10 * i);
    std::size_t place = 0;
    for (int step = 0; step <= 160; step += 1 + step % 7) {
        const double alone = scale.at(step);
        const double inTurn = scale.at(step, place);
        EXPECT_TRUE(alone == inTurn || (std::isnan(alone) && std::isnan(inTurn))) << step;
    }
    EXPECT_EQ(place, scale.size());
}

TEST(Format, Numbers_AreShortAndSayWhatTheyAre)
{
    EXPECT_EQ(number(0.71234), "0.712");
    EXPECT_EQ(number(12.3456), "12.35");
    EXPECT_EQ(number(std::nan("")), "NaN");
    EXPECT_EQ(number(std::optional<double>()), "-");
    EXPECT_EQ(number(1e-6), "1.0e-06");
    EXPECT_EQ(percent(0.217), "22 %");
    EXPECT_EQ(fullPrecision(0.1), "0.1");
    EXPECT_EQ(compact(8123), "8.1k");
}

} // namespace
} // namespace midpoint::gui
