// SPDX-License-Identifier: GPL-3.0-or-later
// The reader thread and what it hands over, with real run folders and no widget.
#include "backend/core/files.h"
#include "backend/launch/run_folder.h"
#include "tests/support/fake_run.h"
#include "tests/support/fixtures.h"
#include "tests/widgets/gui_test.h"
#include "widgets/viewmodels/metric_names.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/run_feed.h"
#include "widgets/viewmodels/run_model.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace midpoint::gui {
namespace {

namespace fs = std::filesystem;
using test::FakeRunOptions;
using test::waitFor;

std::set<std::string> filesBelow(const fs::path& folder)
{
    std::set<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        files.insert(entry.path().string());
    return files;
}

TEST(RunModel, FinishedRun_ShowsExactlyWhatWasRecorded)
{
    test::TemporaryFolder folder;
    FakeRunOptions options;
    options.steps = 40;
    test::writeFakeRun(folder / "run", options);
    const auto before = filesBelow(folder.path());
    {
        RunModel model;
        model.open(folder / "run");
        ASSERT_TRUE(waitFor([&] { return model.isLoaded() && model.hasFacts() && model.header().step == 40; }));
        for (const std::int64_t step : { 1, 17, 40 })
            for (const store::Metric& metric : test::fakeStep(options, step).metrics)
                EXPECT_EQ(model.at(metric.name, static_cast<double>(step)), metric.value) << metric.name << " at " << step;
        EXPECT_EQ(model.facts().prompts.size(), 200u);
        EXPECT_EQ(model.setting("selection.strategy"), "\"dots\"");
        EXPECT_EQ(model.currentStep(), 40);
        const auto curve = model.curve(metric_names::kReward);
        ASSERT_TRUE(curve);
        EXPECT_EQ(curve->raw().size(), 40u);
        model.setXQuantity(XQuantity::Rollouts);
        EXPECT_DOUBLE_EQ(model.curve(metric_names::kReward)->raw().x(9), 10 * 8 * 8);
        model.setXQuantity(XQuantity::Time);
        EXPECT_NEAR(model.curve(metric_names::kReward)->raw().x(39), 40 * options.stepSeconds / 60.0, 1e-9);
    }
    EXPECT_EQ(filesBelow(folder.path()), before) << "reading a run leaves no file beside it";
}

TEST(RunModel, GrowingRun_ArrivesWhilePolling_AndReopenedShowsTheSame)
{
    test::TemporaryFolder folder;
    FakeRunOptions options;
    options.steps = 30;
    test::FakeRun run(folder / "run", options);
    run.writeThrough(10);
    RunModel model;
    model.open(folder / "run");
    ASSERT_TRUE(waitFor([&] { return model.isLoaded() && model.currentStep() == 10; }));
    const auto curve = model.curve(metric_names::kReward);
    run.writeThrough(25);
    ASSERT_TRUE(waitFor([&] { return model.currentStep() == 25; }));
    EXPECT_EQ(curve->raw().size(), 25u) << "the curve that a plot holds has grown";
    model.setCurrentStep(5);
    run.writeThrough(30);
    run.finish();
    ASSERT_TRUE(waitFor([&] { return model.header().step == 30 && curve->raw().size() == 30; }));
    EXPECT_EQ(model.currentStep(), 5) << "a chosen step stays";
    RunModel again;
    again.open(folder / "run");
    ASSERT_TRUE(waitFor([&] { return again.isLoaded() && again.header().step == 30; }));
    EXPECT_EQ(again.metricNames(), model.metricNames());
    for (const std::string& name : model.metricNames())
        EXPECT_EQ(again.last(name), model.last(name));
}

TEST(RunModel, OpenedInARow_ShowsOnlyTheLastOne_AndNeverWaits)
{
    test::TemporaryFolder folder;
    for (const std::int64_t steps : { 20, 30 }) {
        FakeRunOptions options;
        options.name = std::to_string(steps);
        options.steps = steps;
        test::writeFakeRun(folder.path() / options.name, options);
    }
    RunModel model;
    std::string opened;
    QObject::connect(&model, &RunModel::headerChanged, &model, [&] { EXPECT_EQ(model.header().name, opened) << "what the feed before had on its way is dropped"; });
    for (int i = 0; i < 20; ++i) {
        opened = i % 2 == 0 ? "20" : "30";
        model.open(folder.path() / opened);
        waitFor([] { return false; }, i % 3); // some have answered by then, some have not
    }
    ASSERT_TRUE(waitFor([&] { return model.isLoaded() && model.header().step == 30; }));
    EXPECT_EQ(model.curve(metric_names::kReward)->raw().size(), 30u);
}

TEST(RunModel, ResumedRun_HidesTheAbandonedTail)
{
    test::TemporaryFolder folder;
    FakeRunOptions options;
    options.steps = 30;
    {
        test::FakeRun run(folder / "run", options);
        run.writeThrough(20);
        run.finish();
    }
    RunModel model;
    model.open(folder / "run");
    ASSERT_TRUE(waitFor([&] { return model.isLoaded() && model.header().step == 20; }));
    test::FakeRun resumed(folder / "run", options, 12);
    resumed.writeThrough(14);
    ASSERT_TRUE(waitFor([&] { return model.isLoaded() && model.curve(metric_names::kReward) && model.curve(metric_names::kReward)->raw().size() == 14; }));
    const Series& raw = model.curve(metric_names::kReward)->raw();
    for (std::size_t i = 1; i < raw.size(); ++i)
        EXPECT_GT(raw.x(i), raw.x(i - 1));
}

TEST(RunModel, DifficultyBufferAndRollouts_AnswerForTheStep)
{
    test::TemporaryFolder folder;
    FakeRunOptions options;
    options.steps = 40;
    test::writeFakeRun(folder / "run", options);
    RunModel model;
    std::shared_ptr<const DifficultyView> difficulty;
    std::shared_ptr<const BufferView> buffer;
    std::shared_ptr<const RolloutView> rollouts;
    std::shared_ptr<const PromptHistory> history;
    QObject::connect(&model, &RunModel::difficultyArrived, &model, [&](std::shared_ptr<const DifficultyView> view) { difficulty = view; });
    QObject::connect(&model, &RunModel::bufferArrived, &model, [&](std::shared_ptr<const BufferView> view) { buffer = view; });
    QObject::connect(&model, &RunModel::rolloutsArrived, &model, [&](std::shared_ptr<const RolloutView> view) { rollouts = view; });
    QObject::connect(&model, &RunModel::promptHistoryArrived, &model, [&](std::shared_ptr<const PromptHistory> view) { history = view; });
    model.open(folder / "run");
    ASSERT_TRUE(waitFor([&] { return model.isLoaded() && model.header().step == 40; }));
    DifficultyRequest request;
    request.step = 20;
    request.windowSteps = 4;
    model.askDifficulty(request);
    model.askBuffer(33);
    model.askRollouts({ .step = 33, .promptIndex = {}, .text = {} });
    model.askPromptHistory(3);
    ASSERT_TRUE(waitFor([&] { return difficulty && buffer && rollouts && history; }));
    std::vector<store::PredictionRound> rounds;
    std::vector<store::Observation> observations;
    for (std::int64_t step = 16; step <= 20; ++step) {
        for (auto& round : test::fakeStep(options, step).predictionRounds)
            rounds.push_back(round);
        for (auto observation : test::fakeStep(options, step).observations) {
            observation.step = step;
            if (step >= 17)
                observations.push_back(observation);
        }
    }
    const auto expected = pairMeasurements(observations, rounds, MeasuredSet::All);
    ASSERT_EQ(difficulty->pairs.size(), expected.size());
    ASSERT_TRUE(difficulty->summary.pearson.value);
    EXPECT_NEAR(*difficulty->summary.pearson.value, *summarise(expected, request).pearson.value, 2e-3) << "rates are stored as float16";
    EXPECT_EQ(difficulty->roundStep, 20);
    EXPECT_EQ(buffer->present->step, 33);
    EXPECT_EQ(buffer->entriesStep, 20);
    EXPECT_EQ(buffer->compositions.size(), 40u);
    EXPECT_EQ(rollouts->step, 30) << "the newest stored step not after the one asked for";
    EXPECT_EQ(rollouts->groups.size(), 4u);
    EXPECT_EQ(history->predicted.steps.size(), 20u);
    EXPECT_FALSE(history->observations.empty());
}

TEST(RunModel, BrokenDatabases_TellPathAndKeepRunning)
{
    test::TemporaryFolder folder;
    test::writeFakeRun(folder / "run", {});
    const auto trouble = [](const fs::path& run) {
        RunModel model;
        model.open(run);
        waitFor([&] { return !model.troubleText().isEmpty() || model.header().step > 0; }, 5000);
        return model.troubleText();
    };
    fs::copy(folder / "run", folder / "truncated", fs::copy_options::recursive);
    fs::resize_file(folder / "truncated" / "run.db", 5000);
    EXPECT_TRUE(trouble(folder / "truncated").contains(QStringLiteral("truncated")));
    fs::copy(folder / "run", folder / "garbage", fs::copy_options::recursive);
    test::write(folder / "garbage" / "run.db", "this is no database, and long enough to be looked at as one, is it not?");
    EXPECT_TRUE(trouble(folder / "garbage").contains(QStringLiteral("garbage")));
    RunModel model;
    model.open(folder / "run");
    ASSERT_TRUE(waitFor([&] { return model.isLoaded() && model.header().step == 60; }));
    fs::remove_all(folder / "run");
    ASSERT_TRUE(waitFor([&] { return !model.troubleText().isEmpty(); }));
    EXPECT_EQ(model.header().step, 60) << "what was read stays";
    EXPECT_TRUE(model.curve(metric_names::kReward));
}

TEST(ParseLogLine, OurLines_GiveTimeAndLevel)
{
    const LogLine line = parseLogLine("2026-01-31 12:00:00.123 warning disk is filling up", 2);
    EXPECT_EQ(line.level, store::EventLevel::Warning);
    EXPECT_EQ(line.text, "disk is filling up");
    EXPECT_EQ(line.wallMs % 1000, 123);
    EXPECT_EQ(line.rank, 2);
    EXPECT_EQ(parseLogLine("terminate called after throwing", 0).level, store::EventLevel::Error);
    EXPECT_EQ(parseLogLine("step 3  reward 0.4", 0).wallMs, 0);
}

TEST(ProgressStep, OnlyLinesOfProgress_HaveOne)
{
    EXPECT_EQ(progressStep("35/40  reward 0.578  held-out 0.911"), 35);
    EXPECT_EQ(progressStep("1/2"), -1) << "a fraction in a text is not progress";
    EXPECT_EQ(progressStep("50/40  reward"), -1);
    EXPECT_EQ(progressStep("loading 3/4 files"), -1);
}

TEST(SettingsOf, ResolvedText_GivesFlatKeys)
{
    const auto settings = settingsOf("[run]\nseed = 3\n[selection]\nstrategy = \"dots\"\ntarget = 0.5\n");
    ASSERT_EQ(settings.size(), 3u);
    const std::map<std::string, std::string> byKey(settings.begin(), settings.end());
    EXPECT_EQ(byKey.at("selection.strategy"), "\"dots\"");
    EXPECT_TRUE(settingsOf("not toml [[").empty());
}

TEST(ProjectModel, Runs_AreListedWithBestValuesAndKeepNotesAndColours)
{
    test::TemporaryFolder folder;
    FakeRunOptions options;
    for (const char* name : { "one", "two" }) {
        options.name = name;
        options.usesSelection = std::string(name) == "two";
        test::writeFakeRun(folder.path() / "runs" / name, options);
    }
    int colour = -1;
    {
        ProjectModel project;
        project.open(folder.path());
        ASSERT_TRUE(waitFor([&] { return project.runs().size() == 2; }));
        const RunSummary* run = project.run("two");
        ASSERT_NE(run, nullptr);
        double best = 0.0;
        for (std::int64_t step = 0; step <= options.steps; step += 10)
            for (const store::Metric& metric : test::fakeStep(options, step).metrics)
                if (metric.name == run->accuracyMetric)
                    best = std::max(best, metric.value);
        EXPECT_DOUBLE_EQ(run->bestAccuracy->value, best);
        EXPECT_NE(project.run("one")->color, run->color);
        colour = run->color;
        project.changeNotes("two", [](RunNotes& notes) { notes.isStarred = true; });
        ASSERT_TRUE(waitFor([&] { return project.run("two")->notes.isStarred; }));
    }
    ProjectModel again;
    again.open(folder.path());
    ASSERT_TRUE(waitFor([&] { return again.runs().size() == 2; }));
    EXPECT_TRUE(again.run("two")->notes.isStarred);
    EXPECT_EQ(again.run("two")->color, colour);
    std::shared_ptr<const Overlay> overlay;
    QObject::connect(&again, &ProjectModel::overlayArrived, &again, [&](std::shared_ptr<const Overlay> answer) { overlay = answer; });
    again.setCompared("one", true);
    again.setCompared("two", true);
    again.askOverlay(metric_names::kReward);
    ASSERT_TRUE(waitFor([&] { return overlay != nullptr; }));
    ASSERT_EQ(overlay->curves.size(), 2u);
    EXPECT_EQ(overlay->curves[0].values.size(), 60u);
    EXPECT_DOUBLE_EQ(overlay->curves[0].rollouts[4], 5 * 64.0);
}

} // namespace
} // namespace midpoint::gui
