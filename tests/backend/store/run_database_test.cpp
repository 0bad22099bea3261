#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/store/run_reader.h"
#include "backend/store/run_writer.h"
#include "tests/support/fake_run.h"
#include "tests/support/fixtures.h"
#include "tests/support/held_database.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace midpoint::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Time that moves only when somebody sleeps.
class ManualClock : public Clock {
public:
    double steadySeconds() const override { return m_seconds; }
    std::int64_t wallMilliseconds() const override { return 1'000'000 + static_cast<std::int64_t>(m_seconds * 1000); }
    void sleepFor(double seconds) const override { m_seconds += seconds; }

private:
    mutable double m_seconds = 0.0;
};

StepRecord stepWith(std::int64_t step, double reward)
{
    StepRecord record;
    record.step = step;
    record.wallMs = 5000 + step;
    record.metrics = { { "critic/rewards/mean", reward }, { "actor/lr", 1e-4 } };
    return record;
}

RunWriterOptions writerOptions(const std::filesystem::path& folder, std::optional<std::int64_t> keep = {})
{
    RunWriterOptions options;
    options.folder = folder;
    options.keepThroughStep = keep;
    options.info.name = "a";
    options.info.totalSteps = 10;
    return options;
}

template <typename Action>
std::string storeErrorOf(Action&& action)
{
    try {
        action();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Store);
        return error.what();
    }
    ADD_FAILURE() << "no error was thrown";
    return {};
}

TEST(RunDatabase, EveryField_ReadsBackEqual)
{
    test::TemporaryFolder folder;
    test::FakeRunOptions options;
    options.steps = 40;
    test::writeFakeRun(folder.path(), options);
    const RunReader reader(folder.path());

    EXPECT_EQ(reader.info().name, "fake");
    EXPECT_EQ(reader.info().totalSteps, 40);
    EXPECT_EQ(reader.prompts(), test::fakePrompts(options));
    EXPECT_EQ(reader.prompt(7), test::fakePrompts(options)[7]);
    EXPECT_EQ(reader.prompt(100'000), std::nullopt);
    EXPECT_EQ(reader.progress().lastStep, 40);
    EXPECT_EQ(reader.progress().promptCount, 200);
    ASSERT_EQ(reader.ranks().size(), 1u);
    EXPECT_EQ(reader.ranks()[0].host, "testhost");

    const StepRecord written = test::fakeStep(options, 20);
    const auto metrics = reader.metricsAt(20);
    ASSERT_EQ(metrics.size(), written.metrics.size());
    for (const Metric& metric : written.metrics)
        EXPECT_EQ(metrics.at(metric.name), metric.value) << metric.name;

    const auto observations = reader.observations(20, 20);
    ASSERT_EQ(observations.size(), written.observations.size());
    for (std::size_t i = 0; i < observations.size(); ++i) {
        EXPECT_EQ(observations[i].step, 20);
        EXPECT_EQ(observations[i].promptIndex, written.observations[i].promptIndex);
        EXPECT_EQ(observations[i].purpose, written.observations[i].purpose);
        EXPECT_EQ(observations[i].successes, written.observations[i].successes);
        EXPECT_EQ(observations[i].tokens, written.observations[i].tokens);
        EXPECT_EQ(observations[i].truncated, written.observations[i].truncated);
        EXPECT_EQ(observations[i].logprobSum, written.observations[i].logprobSum);
    }

    const auto round = reader.predictionRound(21); // served by the round of step 20
    ASSERT_TRUE(round.has_value());
    EXPECT_EQ(round->step, 20);
    EXPECT_EQ(round->belief, "predictor");
    EXPECT_EQ(round->selected, written.predictionRounds[0].selected);
    EXPECT_EQ(round->references, written.predictionRounds[0].references);
    ASSERT_EQ(round->successRates.size(), 200u);
    for (std::size_t i = 0; i < 200; ++i)
        EXPECT_NEAR(round->successRates[i], written.predictionRounds[0].successRates[i], 0x1p-11);
    EXPECT_EQ(reader.predictionRound(1), std::nullopt);
    const Series history = reader.predictionsOf(5);
    EXPECT_EQ(history.steps.size(), 20u);
    EXPECT_FLOAT_EQ(static_cast<float>(history.values[9]), round->successRates[5]);

    const auto buffers = reader.bufferCompositions(20, 20);
    ASSERT_EQ(buffers.size(), 1u);
    EXPECT_EQ(buffers[0].histograms, written.buffer[0].histograms);
    EXPECT_EQ(buffers[0].entries, written.buffer[0].entries);
    EXPECT_THAT(reader.bufferEntrySteps(), ElementsAre(20, 40));
    const auto entries = reader.bufferEntries(20);
    ASSERT_EQ(entries.size(), written.bufferEntries.size());
    EXPECT_EQ(entries[3].promptIndex, written.bufferEntries[3].promptIndex);
    EXPECT_EQ(entries[3].rewardMean, written.bufferEntries[3].rewardMean);
    EXPECT_EQ(std::isnan(entries[3].ratioMean), std::isnan(written.bufferEntries[3].ratioMean));
    EXPECT_TRUE(reader.bufferEntries(21).empty());

    const auto phases = reader.phases(20, 20);
    ASSERT_EQ(phases.size(), 5u);
    EXPECT_EQ(phases[1].phase, "generate");
    const auto events = reader.eventsSince(0);
    ASSERT_FALSE(events.empty());
    EXPECT_EQ(events[0].rule, "started");
    EXPECT_TRUE(reader.eventsSince(events.back().id).empty());
    EXPECT_EQ(reader.steps().size(), 41u);
}

TEST(RunDatabase, MetricsNotFinite_StayWhatTheyAre)
{
    test::TemporaryFolder folder;
    RunWriter writer(writerOptions(folder.path()));
    StepRecord record = stepWith(1, std::nan(""));
    record.metrics.push_back({ "actor/grad_norm", HUGE_VAL });
    writer.commitStep(record);
    const RunReader reader(folder.path());
    EXPECT_TRUE(std::isnan(reader.metricsAt(1).at("critic/rewards/mean")));
    EXPECT_EQ(reader.metricsAt(1).at("actor/grad_norm"), HUGE_VAL);
    const auto line = nlohmann::json::parse(test::read(folder / "metrics.jsonl"));
    EXPECT_TRUE(line["critic/rewards/mean"].is_null());
    EXPECT_EQ(line["global_step"], 1);
}

TEST(RunDatabase, MetricsLog_HasTheSameKeysAndValuesAsTheDatabase)
{
    test::TemporaryFolder folder;
    test::FakeRunOptions options;
    options.steps = 12;
    test::writeFakeRun(folder.path(), options);
    const RunReader reader(folder.path());
    std::int64_t step = 0;
    for (const std::string& line : split(test::read(folder / "metrics.jsonl"), '\n')) {
        if (line.empty())
            continue;
        auto json = nlohmann::json::parse(line);
        EXPECT_EQ(json["global_step"], step);
        json.erase("global_step");
        json.erase("wall_time");
        const auto metrics = reader.metricsAt(step++);
        ASSERT_EQ(json.size(), metrics.size());
        for (const auto& [name, value] : metrics)
            EXPECT_EQ(json.at(name).get<double>(), value) << name;
    }
    EXPECT_EQ(step, 13);
}

TEST(RunDatabase, LivePolling_SeesEachRowOnce)
{
    test::TemporaryFolder folder;
    test::FakeRun run(folder.path(), {});
    const RunReader polling(folder.path());
    std::int64_t row = 0;
    std::vector<std::int64_t> steps;
    for (int round = 0; round < 5; ++round) {
        run.writeThrough(run.nextStep() + 2);
        const MetricUpdate update = polling.newMetrics(row);
        EXPECT_FALSE(update.restarted);
        EXPECT_GT(update.lastRow, row);
        row = update.lastRow;
        for (const MetricRow& item : update.rows)
            for (const MetricName& name : update.names)
                if (name.id == item.metric && name.name == "actor/lr")
                    steps.push_back(item.step);
    }
    EXPECT_THAT(steps, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14));
    EXPECT_TRUE(polling.newMetrics(row).rows.empty());
    EXPECT_EQ(polling.newMetrics(row).lastRow, row);
}

TEST(RunDatabase, ALimitedPoll_ContinuesWhereItEnded)
{
    test::TemporaryFolder folder;
    test::writeFakeRun(folder.path());
    const RunReader reader(folder.path());
    const auto all = reader.newMetrics(0);
    std::size_t rows = 0;
    std::int64_t last = 0;
    while (true) {
        const auto part = reader.newMetrics(last, 100);
        if (part.rows.empty())
            break;
        EXPECT_LE(part.rows.size(), 100u);
        rows += part.rows.size();
        last = part.lastRow;
    }
    EXPECT_EQ(rows, all.rows.size());
}

TEST(RunDatabase, ALimitedPoll_PassesAHiddenTail)
{
    test::TemporaryFolder folder;
    {
        test::FakeRun first(folder.path(), {});
        first.writeThrough(20);
    }
    test::FakeRun second(folder.path(), {}, 5);
    second.writeThrough(8);
    const RunReader reader(folder.path());
    std::int64_t last = 0;
    std::int64_t step = 0;
    for (auto part = reader.newMetrics(0, 10); !part.rows.empty(); part = reader.newMetrics(last, 10)) {
        EXPECT_FALSE(part.restarted);
        last = part.lastRow;
        step = part.rows.back().step;
    }
    EXPECT_EQ(step, 8);
}

TEST(RunDatabase, Changed_IsTrueOnceAfterAWrite)
{
    test::TemporaryFolder folder;
    test::FakeRun run(folder.path(), {});
    RunReader polling(folder.path());
    EXPECT_TRUE(polling.changed());
    EXPECT_FALSE(polling.changed());
    run.writeThrough(3);
    EXPECT_TRUE(polling.changed());
    EXPECT_FALSE(polling.changed());
}

TEST(RunDatabase, Resume_GivesTheSeriesOfAnUninterruptedRun)
{
    test::TemporaryFolder folder;
    test::FakeRunOptions options;
    options.steps = 30;
    test::writeFakeRun(folder / "whole", options);
    {
        test::FakeRun first(folder / "broken", options);
        first.writeThrough(17); // and dies: the steps after the checkpoint of step 12 are abandoned
    }
    test::FakeRun second(folder / "broken", options, 12);
    second.writeThrough(30);
    second.finish();

    const RunReader whole(folder / "whole");
    const RunReader broken(folder / "broken");
    EXPECT_EQ(broken.allSeries(), whole.allSeries());
    EXPECT_EQ(broken.series("critic/rewards/mean"), whole.series("critic/rewards/mean"));
    EXPECT_EQ(broken.observations(0, 30).size(), whole.observations(0, 30).size());
    EXPECT_EQ(broken.predictionSteps(), whole.predictionSteps());
    EXPECT_EQ(broken.lastMetrics(), whole.lastMetrics());
    EXPECT_EQ(broken.steps().size(), whole.steps().size());
    EXPECT_EQ(test::read(folder / "broken" / "metrics.jsonl"), test::read(folder / "whole" / "metrics.jsonl"));
    ASSERT_EQ(broken.segments().size(), 2u);
    EXPECT_EQ(broken.segments()[0].cutAfter, 12);
    EXPECT_EQ(broken.segments()[1].firstStep, 13);
}

TEST(RunDatabase, ResumeBehindWhatWasPolled_TellsThePollerToStartAgain)
{
    test::TemporaryFolder folder;
    std::int64_t row = 0;
    {
        test::FakeRun first(folder.path(), {});
        first.writeThrough(9);
        row = RunReader(folder.path()).newMetrics(0).lastRow;
    }
    test::FakeRun second(folder.path(), {}, 5);
    const RunReader reader(folder.path());
    const MetricUpdate update = reader.newMetrics(row);
    EXPECT_TRUE(update.restarted);
    for (const MetricRow& item : update.rows)
        EXPECT_LE(item.step, 5);
    const MetricUpdate after = reader.newMetrics(update.lastRow);
    EXPECT_FALSE(after.restarted);
    EXPECT_TRUE(after.rows.empty());
    std::map<std::string, double> last;
    for (std::int64_t step = 0; step <= 5; ++step)
        for (const auto& [name, value] : reader.metricsAt(step))
            last[name] = value;
    EXPECT_EQ(reader.lastMetrics(), last);
}

TEST(RunDatabase, ResumeFromTheBeginning_HidesEverything)
{
    test::TemporaryFolder folder;
    {
        test::FakeRun first(folder.path(), {});
        first.writeThrough(4);
    }
    test::FakeRun second(folder.path(), {}, -1);
    EXPECT_EQ(RunReader(folder.path()).progress().lastStep, std::nullopt);
    EXPECT_EQ(test::read(folder / "metrics.jsonl"), "");
    second.writeThrough(2);
    EXPECT_EQ(RunReader(folder.path()).progress().lastStep, 2);
}

TEST(RunDatabase, ResumeTwiceBehind_HidesBothTails)
{
    test::TemporaryFolder folder;
    for (const std::optional<std::int64_t> keep : { std::optional<std::int64_t>(), std::optional<std::int64_t>(6), std::optional<std::int64_t>(3) }) {
        test::FakeRun run(folder.path(), {}, keep);
        run.writeThrough(10);
    }
    const Series series = RunReader(folder.path()).series("actor/lr");
    EXPECT_THAT(series.steps, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
}

TEST(RunDatabase, ResumeAfterLostSteps_SaysSoInAnEvent)
{
    test::TemporaryFolder folder;
    {
        RunWriter writer(writerOptions(folder.path()));
        writer.commitStep(stepWith(1, 0.5));
    }
    RunWriter writer(writerOptions(folder.path(), 5));
    const auto events = RunReader(folder.path()).eventsSince(0);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].level, EventLevel::Warning);
    EXPECT_THAT(events[0].message, HasSubstr("after step 5"));
    writer.commitStep(stepWith(6, 0.5));
}

TEST(RunDatabase, MetricsLogLostItsLastLine_ResumeRestoresIt)
{
    test::TemporaryFolder folder;
    {
        RunWriter writer(writerOptions(folder.path()));
        writer.commitStep(stepWith(1, 0.5));
        writer.commitStep(stepWith(2, 0.25));
    }
    const std::string whole = test::read(folder / "metrics.jsonl");
    test::write(folder / "metrics.jsonl", whole.substr(0, whole.size() - 20));
    const RunWriter writer(writerOptions(folder.path(), 2));
    EXPECT_EQ(test::read(folder / "metrics.jsonl"), whole);
}

TEST(RunDatabase, CleanEnd_LeavesOneFileThatNeedsNoOther)
{
    test::TemporaryFolder folder;
    test::writeFakeRun(folder.path());
    EXPECT_TRUE(std::filesystem::exists(folder / "run.db"));
    EXPECT_FALSE(std::filesystem::exists(folder / "run.db-wal"));
    EXPECT_FALSE(std::filesystem::exists(folder / "run.db-shm"));
    EXPECT_EQ(test::read(folder / "run.db").substr(18, 2), std::string("\1\1")); // the header says: no WAL
}

TEST(RunDatabase, PromptsOfAnotherSet_AreRefusedOnResume)
{
    test::TemporaryFolder folder;
    std::vector<PromptRecord> prompts { { 0, 11, "a", "1", "f" }, { 1, 22, "b", "2", "f" } };
    {
        RunWriter writer(writerOptions(folder.path()));
        writer.setPrompts(prompts);
        writer.commitStep(stepWith(1, 0.5));
    }
    RunWriter writer(writerOptions(folder.path(), 1));
    writer.setPrompts(prompts);
    prompts[1].id = 23;
    EXPECT_THAT(storeErrorOf([&] { writer.setPrompts(prompts); }), testing::AllOf(HasSubstr("prompt 1"), HasSubstr("22"), HasSubstr("23")));
    prompts.pop_back();
    EXPECT_THAT(storeErrorOf([&] { writer.setPrompts(prompts); }), HasSubstr("prompt 1"));
}

TEST(RunWriter, NewRunOverAnOldOne_IsRefused)
{
    test::TemporaryFolder folder;
    test::writeFakeRun(folder.path());
    EXPECT_THAT(storeErrorOf([&] { RunWriter writer(writerOptions(folder.path())); }),
                testing::AllOf(HasSubstr((folder / "run.db").string()), HasSubstr("found one of an earlier run")));
}

TEST(RunWriter, ResumeWithoutADatabase_IsAnError)
{
    test::TemporaryFolder folder;
    EXPECT_THAT(storeErrorOf([&] { RunWriter writer(writerOptions(folder.path(), 3)); }), HasSubstr("found nothing there"));
    EXPECT_FALSE(std::filesystem::exists(folder / "run.db"));
}

TEST(RunWriter, StepThatDoesNotGrow_IsRefused)
{
    test::TemporaryFolder folder;
    RunWriter writer(writerOptions(folder.path()));
    writer.commitStep(stepWith(3, 0.5));
    EXPECT_THAT(storeErrorOf([&] { writer.commitStep(stepWith(3, 0.5)); }), HasSubstr("expected a step after 3, found step 3"));
    EXPECT_EQ(writer.lastStep(), 3);
}

TEST(RunWriter, FolderThatIsMissing_IsAnError)
{
    EXPECT_THAT(storeErrorOf([&] { RunWriter writer(writerOptions("/nonexistent/run")); }), HasSubstr("/nonexistent/run/run.db"));
}

TEST(RunWriter, AnotherProcessHoldsTheLock_IsWaitedForUntilTheDeadline)
{
    test::TemporaryFolder folder;
    const ManualClock clock;
    RunWriterOptions options = writerOptions(folder.path());
    options.clock = &clock;
    options.busyDeadlineSeconds = 2.0;
    RunWriter writer(options);
    writer.commitStep(stepWith(1, 0.5));
    {
        test::HeldDatabase other(folder / "run.db");
        const double before = clock.steadySeconds();
        EXPECT_THAT(storeErrorOf([&] { writer.commitStep(stepWith(2, 0.5)); }), testing::AllOf(HasSubstr("run.db"), HasSubstr("locked")));
        EXPECT_GE(clock.steadySeconds() - before, 2.0);
    }
    writer.commitStep(stepWith(2, 0.5)); // nothing half-written is in the way
    EXPECT_EQ(RunReader(folder.path()).progress().lastStep, 2);
}

TEST(RunDatabase, TenThousandPromptsAThousandRounds_StayUnderFiftyMegabytes)
{
    test::TemporaryFolder folder;
    RunWriter writer(writerOptions(folder.path()));
    StepRecord record;
    record.predictionRounds.resize(1);
    auto& rates = record.predictionRounds[0].successRates;
    rates.resize(10'000);
    record.predictionRounds[0].references.resize(256);
    record.predictionRounds[0].selected.resize(512);
    constexpr std::int64_t kRounds = 100; // a tenth of the promise, and a tenth of its bytes
    for (std::int64_t step = 1; step <= kRounds; ++step) {
        for (std::size_t i = 0; i < rates.size(); ++i)
            rates[i] = static_cast<float>((i * 7919 + static_cast<std::size_t>(step) * 104729) % 10007) / 10007.0f;
        record.step = step;
        record.predictionRounds[0].step = step;
        writer.commitStep(record);
    }
    writer.finish();
    EXPECT_LT(std::filesystem::file_size(folder / "run.db"), 5'000'000u);
}

} // namespace
} // namespace midpoint::store
