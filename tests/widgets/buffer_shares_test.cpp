// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/buffer/buffer_shares.h"

#include <gmock/gmock.h>

namespace midpoint::gui {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

store::BufferComposition compositionOf(std::int64_t step, std::vector<double> edges, std::vector<double> counts)
{
    store::BufferComposition composition;
    composition.step = step;
    composition.histograms.push_back({ "reward", std::move(edges), {}, std::move(counts) });
    return composition;
}

std::vector<double> sharesAt(const std::vector<CurveSpec>& layers, std::size_t point)
{
    std::vector<double> shares;
    for (const CurveSpec& layer : layers)
        shares.push_back(layer.curve->raw().y(point));
    return shares;
}

TEST(InBins, Counts_AreSpreadOverTheBinsTheyReachInto)
{
    const store::Histogram histogram { "reward", { 0.0, 1.0, 3.0 }, {}, { 4.0, 8.0 } };
    EXPECT_THAT(inBins(histogram, { -1.0, 0.5, 2.0, 3.0 }).counts, ElementsAre(2.0, 2.0 + 4.0, 4.0));
}

TEST(SharesOverSteps, RewardsWithBinsOfTheirOwn_AreStackedInCommonOnes)
{
    // Rewards may be negative; an empty bin does not stretch the range.
    const auto layers = sharesOverSteps({ compositionOf(1, { -1.0, 0.0, 1.0 }, { 1.0, 3.0 }), compositionOf(2, { 0.6, 0.8, 1.0, 9.0 }, { 1.0, 1.0, 0.0 }) }, "reward");
    ASSERT_EQ(layers.size(), 5u);
    EXPECT_EQ(layers.front().name, QStringLiteral("-1–-0.6"));
    EXPECT_EQ(layers.back().name, QStringLiteral("0.6–1"));
    const auto near = [](double value) { return DoubleNear(value, 1e-12); };
    EXPECT_THAT(sharesAt(layers, 0), ElementsAre(near(0.1), near(0.1), near(0.05 + 0.15), near(0.3), near(0.3)));
    EXPECT_THAT(sharesAt(layers, 1), ElementsAre(near(0.0), near(0.0), near(0.0), near(0.0), near(1.0)));
}

TEST(SharesOverSteps, StepsWithoutTheHistogram_HaveNoPoint)
{
    store::BufferComposition older;
    older.step = 1;
    EXPECT_TRUE(sharesOverSteps({ older }, "reward").empty());
    const auto layers = sharesOverSteps({ older, compositionOf(2, { 0.0, 1.0 }, { 2.0 }), compositionOf(3, { 0.0, 1.0 }, { 0.0 }) }, "reward");
    ASSERT_EQ(layers.size(), 5u);
    EXPECT_EQ(layers[0].curve->raw().size(), 1u) << "an empty buffer has no shares";
    EXPECT_EQ(layers[0].curve->raw().x(0), 2.0);
}

} // namespace
} // namespace midpoint::gui
