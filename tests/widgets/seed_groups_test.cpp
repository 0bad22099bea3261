// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/seed_groups.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace midpoint::gui {
namespace {

OverlayCurve curveOf(const std::string& run, std::vector<double> steps, std::vector<double> rollouts, std::vector<double> values)
{
    OverlayCurve curve;
    curve.run = run;
    curve.minutes.assign(steps.size(), 0.0);
    curve.tokens.assign(steps.size(), 0.0);
    curve.steps = std::move(steps);
    curve.rollouts = std::move(rollouts);
    curve.values = std::move(values);
    return curve;
}

class SeedGroupsTest : public testing::Test {
protected:
    SeedGroupsTest()
    {
        for (const char* name : { "a1", "a2", "b" }) {
            RunSummary run;
            run.name = name;
            run.settings = { { "run.seed", name }, { "run.name", name }, { "optimizer.learning_rate", std::string(name) == "b" ? "2e-4" : "1e-4" } };
            run.experiment = experimentOf(run.settings);
            runs[name] = run;
        }
        overlay.curves = { curveOf("a1", { 0, 10, 20 }, { 0, 100, 200 }, { 0.2, 0.4, 0.9 }), curveOf("b", { 0, 10 }, { 0, 90 }, { 0.2, 0.3 }),
            curveOf("a2", { 0, 10, 30 }, { 0, 140, 400 }, { 0.2, 0.8, 0.7 }) };
    }
    std::vector<SeedGroup> groups() const
    {
        return groupSeeds(overlay, [this](const std::string& name) -> const RunSummary* {
            const auto found = runs.find(name);
            return found == runs.end() ? nullptr : &found->second;
        });
    }
    std::map<std::string, RunSummary> runs;
    Overlay overlay;
};

TEST_F(SeedGroupsTest, RunsThatDifferInSeedAndName_AreOneGroup)
{
    const auto found = groups();
    ASSERT_EQ(found.size(), 2u);
    ASSERT_EQ(found[0].members.size(), 2u);
    EXPECT_EQ(found[0].members[0]->run, "a1");
    EXPECT_EQ(found[0].members[1]->run, "a2");
    EXPECT_EQ(found[1].members[0]->run, "b");
}

TEST_F(SeedGroupsTest, RunsWithoutKnownSettings_StayAlone)
{
    EXPECT_EQ(experimentOf({}), 0);
    runs["a1"].experiment = 0;
    runs.erase("a2");
    EXPECT_EQ(groups().size(), 3u);
}

TEST_F(SeedGroupsTest, MeanCurve_IsMeanAndUnbiasedDeviationAtCommonSteps)
{
    const auto group = groups()[0];
    const auto points = meanCurve(group, &OverlayCurve::steps);
    ASSERT_EQ(points.size(), 2u) << "steps 20 and 30 have one value each";
    EXPECT_DOUBLE_EQ(points[0].mean, 0.2);
    EXPECT_DOUBLE_EQ(points[0].deviation, 0.0);
    EXPECT_DOUBLE_EQ(points[1].x, 10.0);
    EXPECT_DOUBLE_EQ(points[1].mean, 0.6);
    EXPECT_NEAR(points[1].deviation, std::sqrt((0.2 * 0.2 + 0.2 * 0.2) / 1.0), 1e-12);
    EXPECT_DOUBLE_EQ(meanCurve(group, &OverlayCurve::rollouts)[1].x, 120.0) << "what the seeds had spent on average";
}

TEST_F(SeedGroupsTest, NotANumber_IsNoValue)
{
    overlay.curves[0].values[1] = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(meanCurve(groups()[0], &OverlayCurve::steps).size(), 1u);
}

} // namespace
} // namespace midpoint::gui
