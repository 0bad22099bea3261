#include "backend/core/error.h"
#include "backend/store/compare.h"
#include "backend/store/metric_catalogue.h"
#include "tests/support/fake_run.h"
#include "tests/support/fixtures.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>

namespace midpoint::store {
namespace {

TEST(SmoothedBothSides, Values_WeighByDistanceToBothSides)
{
    const std::vector<double> values = { 0.0, 1.0, std::nan(""), 4.0 };
    const std::vector<double> smooth = smoothedBothSides(values, 0.5);
    EXPECT_DOUBLE_EQ(smooth[0], (0.5 * 1.0 + 0.125 * 4.0) / (1.0 + 0.5 + 0.125));
    EXPECT_DOUBLE_EQ(smooth[1], (0.5 * 0.0 + 1.0 + 0.25 * 4.0) / 1.75);
    EXPECT_TRUE(std::isnan(smooth[2]));
    // A straight line stays one but for its ends: no lag.
    const std::vector<double> line = { 0.0, 1.0, 2.0, 3.0, 4.0 };
    EXPECT_DOUBLE_EQ(smoothedBothSides(line, 0.5)[2], 2.0);
}

using testing::AllOf;
using testing::HasSubstr;

// A run with the accuracies given every 10 steps, 100 rollouts a step, one second a step and one more per evaluation.
void writeRun(const std::filesystem::path& folder, const std::vector<double>& accuracies, double rolloutsPerStep, const char* config)
{
    std::filesystem::create_directories(folder);
    RunWriterOptions options;
    options.folder = folder;
    options.info.name = folder.filename().string();
    options.info.resolvedText = config;
    RunWriter writer(options);
    std::int64_t wallMs = 1'000'000;
    for (std::int64_t step = 0; step <= 10 * (static_cast<std::int64_t>(accuracies.size()) - 1); ++step) {
        StepRecord record;
        record.step = step;
        wallMs += 1000;
        if (step % 10 == 0) {
            wallMs += 1000;
            record.metrics.push_back({ "val-core/held/acc/mean@1", accuracies[static_cast<std::size_t>(step / 10)] });
        }
        record.wallMs = wallMs;
        const auto done = static_cast<double>(step);
        record.metrics.push_back({ "budget/rollouts", done * rolloutsPerStep });
        record.metrics.push_back({ "budget/generated_tokens", done * rolloutsPerStep * 40 });
        record.metrics.push_back({ "budget/train_seconds", done });
        writer.commitStep(record);
    }
    writer.finish();
}

TEST(Smoothing, ConstantSeries_StaysConstantFromTheFirstValue)
{
    const std::vector<double> values(5, 0.3);
    for (const double value : smoothed(values, 0.9))
        EXPECT_DOUBLE_EQ(value, 0.3);
    EXPECT_EQ(smoothed(std::vector<double> { 1.0, 2.0 }, 0.0), (std::vector<double> { 1.0, 2.0 }));
    // bias-corrected: (0.5 * 0.5 * 1 + 0.5 * 2) / 0.75
    EXPECT_DOUBLE_EQ(smoothed(std::vector<double> { 1.0, 2.0 }, 0.5)[1], 5.0 / 3.0);
}

TEST(FirstCrossing, IsInterpolatedLinearly)
{
    const std::vector<std::int64_t> steps { 0, 10, 20 };
    const std::vector<double> values { 0.2, 0.4, 0.8 };
    EXPECT_DOUBLE_EQ(*firstCrossing(steps, values, 0.6), 15.0);
    EXPECT_DOUBLE_EQ(*firstCrossing(steps, values, 0.4), 10.0);
    EXPECT_DOUBLE_EQ(*firstCrossing(steps, values, 0.1), 0.0);
    EXPECT_EQ(firstCrossing(steps, values, 0.9), std::nullopt);
}

TEST(Compare, CostsToTheSameAccuracy_AreExact)
{
    test::TemporaryFolder folder;
    writeRun(folder / "slow", { 0.2, 0.3, 0.5, 0.6, 0.7 }, 100, "[selection]\nstrategy = \"uniform\"\n[run]\nseed = 1\n");
    writeRun(folder / "fast", { 0.2, 0.5, 0.7, 0.8, 0.8 }, 50, "[selection]\nstrategy = \"dots\"\ntarget = 0.5\n[run]\nseed = 1\n");
    CompareOptions options;
    options.target = 0.6;
    options.smoothing = 0.0;
    const std::vector<std::filesystem::path> runs { folder / "slow", folder / "fast" };
    const Comparison result = compareRuns(runs, options);
    EXPECT_EQ(result.metric, "val-core/held/acc/mean@1");
    const RunComparison& slow = result.runs[0];
    EXPECT_EQ(slow.name, "slow");
    EXPECT_DOUBLE_EQ(slow.toTarget->step, 30.0);
    EXPECT_DOUBLE_EQ(slow.toTarget->rollouts, 3000.0);
    EXPECT_DOUBLE_EQ(slow.toTarget->generatedTokens, 120'000.0);
    EXPECT_DOUBLE_EQ(slow.toTarget->trainSeconds, 30.0);
    EXPECT_DOUBLE_EQ(slow.toTarget->totalSeconds, 33.0); // three evaluations after the first step
    EXPECT_TRUE(std::isnan(slow.toTarget->trainedTokens));
    EXPECT_DOUBLE_EQ(slow.finalAccuracy, 0.7);
    const RunComparison& fast = result.runs[1];
    EXPECT_DOUBLE_EQ(fast.toTarget->step, 15.0);
    EXPECT_DOUBLE_EQ(fast.toTarget->rollouts, 750.0);
    EXPECT_DOUBLE_EQ(fast.toTargetRaw->step, 20.0);
    EXPECT_DOUBLE_EQ(fast.bestAccuracy, 0.8);

    ASSERT_EQ(result.differences.size(), 2u);
    EXPECT_EQ(result.differences[0].key, "selection.strategy");
    EXPECT_EQ(result.differences[1].key, "selection.target");
    EXPECT_EQ(result.differences[1].values[0], "-");
    EXPECT_THAT(renderText(result), AllOf(HasSubstr("(x0.25)"), HasSubstr("selection.strategy"), HasSubstr("60.0 %")));
    const auto json = nlohmann::json::parse(renderJson(result));
    EXPECT_EQ(json["runs"][1]["to_target"]["steps"], 15.0);
    EXPECT_TRUE(json["runs"][1]["to_target"]["trained_tokens"].is_null());
    EXPECT_EQ(json["config_differences"]["selection.target"][1], "0.5");
}

TEST(Compare, TargetNotReached_SaysSo)
{
    test::TemporaryFolder folder;
    writeRun(folder / "low", { 0.2, 0.3 }, 100, "");
    writeRun(folder / "high", { 0.2, 0.9 }, 100, "");
    CompareOptions options;
    options.target = 0.8;
    options.smoothing = 0.0;
    const std::vector<std::filesystem::path> runs { folder / "low", folder / "high" };
    const Comparison result = compareRuns(runs, options);
    EXPECT_EQ(result.runs[0].toTarget, std::nullopt);
    EXPECT_TRUE(result.runs[1].toTarget.has_value());
    EXPECT_THAT(renderText(result), HasSubstr("not reached"));
    EXPECT_TRUE(nlohmann::json::parse(renderJson(result))["runs"][0]["to_target"].is_null());
    // without a target: the level that every run ended at
    const Comparison open = compareRuns(runs, {});
    EXPECT_DOUBLE_EQ(open.target, open.runs[0].finalSmoothed);
    EXPECT_TRUE(open.runs[0].toTarget.has_value());
}

TEST(Compare, RunWithoutEvaluation_IsAnErrorThatNamesIt)
{
    test::TemporaryFolder folder;
    writeRun(folder / "good", { 0.2, 0.3 }, 100, "");
    test::FakeRunOptions options;
    options.evaluateEvery = 0;
    test::writeFakeRun(folder / "blind", options);
    const std::vector<std::filesystem::path> runs { folder / "good", folder / "blind" };
    try {
        compareRuns(runs);
        FAIL() << "nothing to compare by";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Data);
        EXPECT_THAT(error.what(), HasSubstr("blind"));
    }
    EXPECT_THROW(compareRuns(std::vector<std::filesystem::path> { folder / "missing" }), Error);
}

TEST(MetricCatalogue, NamesAndPatterns_AreFound)
{
    std::set<std::string_view> names;
    for (const MetricInfo& info : metricCatalogue()) {
        EXPECT_TRUE(names.insert(info.name).second) << info.name;
        EXPECT_FALSE(info.title.empty()) << info.name;
        EXPECT_FALSE(info.help.empty()) << info.name;
    }
    ASSERT_NE(findMetric("critic/rewards/mean"), nullptr);
    EXPECT_EQ(findMetric("critic/rewards/mean")->good, GoodDirection::Up);
    EXPECT_EQ(findMetric("val-core/some set/acc/mean@8")->title, "Held-out accuracy");
    EXPECT_EQ(findMetric("timing_s/step")->title, "Step time"); // exact before pattern
    EXPECT_EQ(findMetric("timing_s/whatever")->unit, "s");
    EXPECT_EQ(findMetric("nothing/of/the/kind"), nullptr);
    EXPECT_TRUE(matchesPattern("a*c*", "abcd"));
    EXPECT_FALSE(matchesPattern("a*c", "abcd"));
}

} // namespace
} // namespace midpoint::store
