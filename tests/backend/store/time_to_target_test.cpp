#include "backend/store/time_to_target.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/store/published_savings.h"
#include "backend/store/run_writer.h"
#include "tests/support/fixtures.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace midpoint::store {
namespace {

using testing::HasSubstr;

// Accuracies at steps 0, 10, 20, ...; every step costs `tokens` generated tokens and one second.
std::filesystem::path writeRun(const std::filesystem::path& folder, const std::vector<double>& accuracies, double tokens)
{
    std::filesystem::create_directories(folder);
    RunWriterOptions options;
    options.folder = folder;
    RunWriter writer(options);
    for (std::int64_t step = 0; step <= 10 * (std::ssize(accuracies) - 1); ++step) {
        StepRecord record;
        record.step = step;
        record.wallMs = 1000 * (step + 1);
        if (step % 10 == 0)
            record.metrics.push_back({ "val-core/held/acc/mean@1", accuracies[static_cast<std::size_t>(step / 10)] });
        const auto done = static_cast<double>(step);
        record.metrics.push_back({ "budget/rollouts", done });
        record.metrics.push_back({ "budget/generated_tokens", done * tokens });
        record.metrics.push_back({ "budget/trained_tokens", done * 2 });
        record.metrics.push_back({ "budget/train_seconds", done });
        record.metrics.push_back({ "budget/cpu_seconds", done * 3 });
        record.metrics.push_back({ "budget/evaluation_seconds", 7.0 });
        if (step > 0)
            for (const auto& [phase, seconds] : { std::pair("step", 1.0), std::pair("gen", 0.25), std::pair("update_actor", 0.4),
                     std::pair("old_log_prob", 0.1), std::pair("select", 0.05), std::pair("reference", 0.15), std::pair("reward", 0.05) })
                record.metrics.push_back({ concat("timing_s/", phase), seconds });
        writer.commitStep(record);
    }
    writer.finish();
    return folder;
}

class TimeToTargetTest : public testing::Test {
protected:
    std::vector<Method> methods()
    {
        return {
            { "slow", std::nullopt, {}, 0.0, { made(1, "s1", { 0.2, 0.4, 0.6 }, 100), made(2, "s2", { 0.2, 0.4, 0.8 }, 100) } },
            { "fast", 1e-4, {}, 140.0,
                { made(1, "f1", { 0.2, 0.9, 0.9 }, 50), made(2, "f2", { 0.2, 0.7, 0.9 }, 50), made(3, "f3", { 0.2, 0.3, 0.4 }, 50),
                    { 4, m_folder / "f4", RunEnd::Missing, "not trained yet" } } },
        };
    }
    MethodRun made(std::int64_t seed, const std::string& name, const std::vector<double>& accuracies, double tokens)
    {
        return { seed, writeRun(m_folder / name, accuracies, tokens), RunEnd::Complete, {} };
    }
    TimeToTarget resultAt(std::vector<std::optional<double>> targets)
    {
        return timeToTarget(methods(), { .baseline = "slow", .targets = std::move(targets), .metric = {}, .smoothing = 0.0 });
    }
    // A file with everything that can be in one.
    TimeToTarget fullResult()
    {
        std::vector<Method> all = methods();
        all[1].runs.push_back({ 5, m_folder / "f5", RunEnd::Failed, "rank 0: the loss is not finite" });
        all[1].trials = { { 5e-5, { { made(9, "t9", { 0.2, 0.3, 0.4 }, 50), kMissing } }, kMissing },
            { 1e-4, { { { 9, m_folder / "t10", RunEnd::Failed, "killed" }, kMissing } }, kMissing } };
        chooseLearningRate(all[1].trials, {});
        return timeToTarget(all, { .baseline = "slow", .targets = { std::nullopt, 0.35 }, .metric = {}, .smoothing = 0.5 });
    }
    std::string whyNotRead(const std::filesystem::path& file)
    {
        try {
            readTimeToTarget(file);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::Store);
            return error.what();
        }
        return "it was read";
    }
    test::TemporaryFolder m_folder;
};

TEST(OverSeeds, Median_OfOddAndEvenCountsAndOfNever)
{
    EXPECT_EQ(overSeeds({ 3.0, 1.0, 2.0 }).median, 2.0);
    EXPECT_EQ(overSeeds({ 4.0, 1.0 }).median, 2.5);
    EXPECT_EQ(overSeeds({ 5.0, INFINITY, 1.0 }).median, 5.0);
    EXPECT_TRUE(std::isinf(overSeeds({ 5.0, INFINITY, INFINITY }).median));
    EXPECT_TRUE(std::isnan(overSeeds({}).median));
}

TEST_F(TimeToTargetTest, Plateau_IsTheMeanOfTheBaselinesLastAccuracies)
{
    const TimeToTarget result = resultAt({ std::nullopt });
    ASSERT_EQ(result.targets.size(), 1U);
    EXPECT_TRUE(result.targets[0].isPlateau);
    EXPECT_DOUBLE_EQ(result.targets[0].accuracy, 0.7);
    EXPECT_EQ(result.methods[0].toTarget[0].reached, 1) << "seed 1 ends at 0.6";
    const MethodResult& fast = result.methods[1];
    const ToTarget& own = fast.toTarget[0];
    EXPECT_EQ(own.reached, 2);
    EXPECT_EQ(fast.counted, 3) << "a run that is missing counts nowhere";
    // Seed 1 crosses 0.7 at step 10 x 0.5 / 0.7, seed 2 at step 10, seed 3 never.
    EXPECT_NEAR(own.spent.of(Quantity::Steps).lowest, 10 * 0.5 / 0.7, 1e-9);
    EXPECT_DOUBLE_EQ(own.spent.of(Quantity::Steps).median, 10.0);
    EXPECT_TRUE(std::isinf(own.spent.of(Quantity::Steps).highest));
    EXPECT_DOUBLE_EQ(own.spent.of(Quantity::GeneratedTokens).median, 500.0);
    EXPECT_DOUBLE_EQ(own.spent.of(Quantity::CpuSeconds).median, 30.0);
    EXPECT_DOUBLE_EQ(own.spent.of(Quantity::TrainSeconds).median, 10.0);
    EXPECT_DOUBLE_EQ(fast.evaluationSeconds.median, 7.0);
}

TEST_F(TimeToTargetTest, Targets_AreReportedOneByOne)
{
    const TimeToTarget result = resultAt({ 0.35, std::nullopt, 0.95 });
    ASSERT_EQ(result.targets.size(), 3U);
    const MethodResult& fast = result.methods[1];
    EXPECT_EQ(fast.toTarget[0].reached, 3);
    EXPECT_EQ(fast.toTarget[1].reached, 2);
    EXPECT_EQ(fast.toTarget[2].reached, 0);
    // Slow: step 7.5 at 100 tokens; fast: the median of 10 x .15/.7, 10 x .15/.5 and 15 at 50 tokens: 3 x 50.
    EXPECT_NEAR(saved(fast.toTarget[0], result.methods[0].toTarget[0], Quantity::GeneratedTokens)->share, 0.8, 1e-9);
    EXPECT_FALSE(saved(fast.toTarget[2], result.methods[0].toTarget[2], Quantity::GeneratedTokens).has_value());
    const std::string text = renderText(result);
    EXPECT_THAT(text, HasSubstr("## To 0.350\n"));
    EXPECT_THAT(text, HasSubstr("## To 0.700, the plateau of slow\n"));
    EXPECT_THAT(text, HasSubstr("| fast (lr 1e-04) | 0 of 3 | never |"));
    const nlohmann::json json = nlohmann::json::parse(renderJson(result));
    EXPECT_EQ(json["targets"][1]["is_plateau"], true);
    EXPECT_EQ(json["methods"][1]["to_targets"][1]["reached"], 2);
    EXPECT_EQ(json["methods"][1]["runs"][0]["to_targets"].size(), 3U);
}

TEST_F(TimeToTargetTest, BaselineThatNeverGetsThere_BoundsTheSavingFromBelow)
{
    const TimeToTarget result = resultAt({ 0.7 });
    // Of two seeds of slow one got to 0.7 at step 17.5, the other had spent 20 steps in all: together at least 18.75. Fast: 10.
    const auto saving = saved(result.methods[1].toTarget[0], result.methods[0].toTarget[0], Quantity::Steps);
    ASSERT_TRUE(saving.has_value());
    EXPECT_TRUE(saving->isAtLeast);
    EXPECT_DOUBLE_EQ(saving->share, 1.0 - 10.0 / 18.75);
    EXPECT_THAT(renderText(result), HasSubstr("≥ 73 %")) << "generated tokens: 500 of 1,875";
    EXPECT_FALSE(saved(result.methods[0].toTarget[0], result.methods[0].toTarget[0], Quantity::Steps).has_value());
    ToTarget dear = result.methods[1].toTarget[0];
    dear.spent.quantities[static_cast<std::size_t>(Quantity::Steps)] = { 19.0, 19.0, 19.0 };
    EXPECT_FALSE(saved(dear, result.methods[0].toTarget[0], Quantity::Steps).has_value()) << "a bound below zero says nothing";
}

TEST_F(TimeToTargetTest, RunThatFailed_ReachesNothing)
{
    std::vector<Method> all = methods();
    all[1].runs[3].end = RunEnd::Failed;
    all[1].runs[3].reason = "the grader failed";
    const TimeToTarget result = timeToTarget(all, { .baseline = "slow", .targets = { 0.35 }, .metric = {}, .smoothing = 0.0 });
    EXPECT_EQ(result.methods[1].counted, 4);
    EXPECT_TRUE(std::isinf(result.methods[1].toTarget[0].spent.of(Quantity::Steps).highest));
    const std::string text = renderText(result);
    EXPECT_THAT(text, HasSubstr("| fast (lr 1e-04) | 3 of 4 |"));
    EXPECT_THAT(text, HasSubstr("fast, seed 4: failed and counts as one that reaches nothing: the grader failed"));
    EXPECT_EQ(nlohmann::json::parse(renderJson(result))["methods"][1]["runs"][3]["reason"], "the grader failed");
}

TEST_F(TimeToTargetTest, WholeRuns_AndWhereTheirTimeWent)
{
    const TimeToTarget result = resultAt({ std::nullopt });
    const MethodResult& slow = result.methods[0];
    EXPECT_DOUBLE_EQ(slow.wholeRuns.of(Quantity::GeneratedTokens).median, 2000.0);
    EXPECT_DOUBLE_EQ(slow.wholeRuns.of(Quantity::TrainSeconds).median, 20.0);
    EXPECT_NEAR(slow.runs[0].split.total(), 20.0, 1e-9) << "the seconds of all steps";
    EXPECT_NEAR(slow.split.generation.median, 0.25, 1e-9);
    EXPECT_NEAR(slow.split.update.median, 0.5, 1e-9) << "with the scoring of replayed rows";
    EXPECT_NEAR(slow.split.choice.median, 0.2, 1e-9) << "with the rollouts of references";
    EXPECT_NEAR(slow.split.rest.median, 0.05, 1e-9);
    EXPECT_THAT(renderText(result), HasSubstr("| 25 % | 50 % | 20 % | 5 % | 7.0 s |"));
}

TEST_F(TimeToTargetTest, Texts_NameEverySeedThatIsMissingThePreparationAndThePapersFigures)
{
    const std::string text = renderText(resultAt({ 0.35 }));
    EXPECT_THAT(text, HasSubstr("fast, seed 4: not trained yet"));
    EXPECT_THAT(text, HasSubstr("2 m 20 s of preparation, not in the tables"));
    EXPECT_THAT(text, HasSubstr("| Qwen2.5-3B | DeepMath, 8,192 questions | 57 % | 11 % | 62 % |"));
}

// Whoever corrects one corrects the other.
TEST(PublishedSavings, AreThoseOfTheProjectsReadme)
{
    const std::string readme = readFile(test::sourceFolder() / "projects/paper/README.md");
    for (const PublishedSaving& each : kPublishedSavings)
        EXPECT_THAT(readme, HasSubstr(concat("| ", each.model, " | ", each.pool, " | ", fixed(100.0 * each.saved, 2), " % |")));
}

TEST_F(TimeToTargetTest, LearningRate_IsTheOneThatHoldsOnAllSeedsAndNotTheOneThatLearnsFastest)
{
    const auto trial = [&](double rate, const std::vector<std::vector<double>>& curves) {
        RateTrial result;
        result.learningRate = rate;
        for (const auto& curve : curves) {
            const std::int64_t seed = 9 + std::ssize(result.runs);
            result.runs.push_back({ made(seed, concat(rate, "-", seed), curve, 100), kMissing });
        }
        return result;
    };
    // The largest has the best mean over the whole course on both seeds, and breaks on the second.
    std::vector<RateTrial> trials = { trial(5e-5, { { 0.2, 0.3, 0.4, 0.5, 0.6 }, { 0.2, 0.3, 0.4, 0.5, 0.6 } }),
        trial(1e-4, { { 0.2, 0.4, 0.6, 0.8, 0.9 }, { 0.2, 0.4, 0.6, 0.8, 0.8 } }),
        trial(2e-4, { { 0.2, 0.8, 0.9, 0.9, 0.9 }, { 0.2, 0.9, 0.9, 0.7, 0.6 } }) };
    EXPECT_EQ(chooseLearningRate(trials, {}), 1e-4);
    EXPECT_NEAR(trials[0].accuracy, 0.55, 1e-12);
    EXPECT_NEAR(trials[1].accuracy, (0.85 + 0.8) / 2, 1e-12);
    EXPECT_NEAR(trials[2].accuracy, (0.9 + 0.65) / 2, 1e-12);

    trials[1].runs[0].run.end = RunEnd::Failed; // counts as nothing learned
    trials[1].runs[0].run.reason = "the loss is not finite";
    EXPECT_EQ(chooseLearningRate(trials, {}), 2e-4);
    EXPECT_NEAR(trials[1].accuracy, 0.8 / 2, 1e-12);

    std::vector<Method> all = methods();
    all[1].trials = trials;
    const TimeToTarget result = timeToTarget(all, { .baseline = "slow", .targets = { 0.35 }, .metric = {}, .smoothing = 0.0 });
    const std::string text = renderText(result);
    EXPECT_THAT(text, HasSubstr("fast, learning rates tried (accuracy over the second half): 5e-05 0.550, 1e-04 0.400, 2e-04 0.775"));
    EXPECT_THAT(text, HasSubstr("fast with learning rate 1e-04, seed 9: failed and counts as one that learned nothing: the loss is not finite"));
    EXPECT_EQ(nlohmann::json::parse(renderJson(result))["methods"][1]["learning_rate_trials"][1]["runs"][0]["reason"], "the loss is not finite");

    trials[2].runs[1].run.end = RunEnd::Missing;
    EXPECT_EQ(chooseLearningRate(trials, {}), std::nullopt) << "what is not tried cannot be passed over";
}

TEST_F(TimeToTargetTest, Database_ReadsBackEqualWithoutTheRuns)
{
    const TimeToTarget result = fullResult();
    const std::filesystem::path file = m_folder / "kept/results.db";
    std::filesystem::create_directories(file.parent_path());
    for (int pass = 0; pass < 2; ++pass) // the second replaces the first
        writeTimeToTarget(result, file);
    for (const char* run : { "s1", "s2", "f1", "f2", "f3", "t9" })
        std::filesystem::remove_all(m_folder / run);
    EXPECT_TRUE(isTimeToTargetFile(file));
    const TimeToTarget read = readTimeToTarget(file);
    EXPECT_EQ(renderJson(read), renderJson(result)) << "every number, the curves included";
    EXPECT_EQ(renderText(read), renderText(result));
    EXPECT_EQ(renderText(readTimeToTarget(file.parent_path())), renderText(result)) << "its folder names it as well";
    EXPECT_EQ(read.methods[1].runs[0].curve.size(), 3U);
    EXPECT_DOUBLE_EQ(read.methods[1].runs[0].curve[1].cost.generatedTokens, 500.0);
    EXPECT_FALSE(std::filesystem::exists(file.string() + ".partial"));
}

TEST_F(TimeToTargetTest, Database_AnswersQueries)
{
    writeTimeToTarget(fullResult(), m_folder / "results.db");
    SQLite::Database database((m_folder / "results.db").string());
    const auto number = [&](const char* sql) { return database.execAndGet(sql).getDouble(); };
    EXPECT_EQ(number("SELECT count(*) FROM runs"), 7);
    EXPECT_EQ(number("SELECT count(*) FROM runs WHERE state = 'complete'"), 5);
    EXPECT_EQ(number("SELECT setup_seconds FROM methods WHERE name = 'fast'"), 140.0);
    EXPECT_EQ(number("SELECT count(*) FROM evaluations"), 15);
    EXPECT_TRUE(std::isinf(number("SELECT highest FROM over_seeds WHERE method = 1 AND target = 1 AND quantity = 'rollouts'")));
    EXPECT_NEAR(number("SELECT median FROM over_seeds WHERE method = 0 AND target IS NULL AND quantity = 'choice_share'"), 0.2, 1e-9);
}

TEST_F(TimeToTargetTest, WrongFiles_AreRefusedWithWhatWasExpectedAndFound)
{
    EXPECT_THAT(whyNotRead(m_folder / "results.db"), HasSubstr("results.db: expected a time-to-target result, found nothing there"));
    const std::filesystem::path run = writeRun(m_folder / "run", { 0.2, 0.3 }, 10) / "run.db";
    EXPECT_FALSE(isTimeToTargetFile(run));
    EXPECT_THAT(whyNotRead(run), HasSubstr("expected a Midpoint time-to-target result"));
    test::write(m_folder / "text.db", "no database at all, but long enough to have a header of a hundred bytes, as an SQLite file has it, and more");
    EXPECT_FALSE(isTimeToTargetFile(m_folder / "text.db"));
    EXPECT_THAT(whyNotRead(m_folder / "text.db"), HasSubstr("expected an SQLite database, found another kind of file"));

    const std::filesystem::path file = m_folder / "results.db";
    writeTimeToTarget(fullResult(), file);
    const std::string bytes = readFile(file);
    const auto spoilt = [&](const char* sql) {
        test::write(file, bytes);
        SQLite::Database(file.string(), SQLite::OPEN_READWRITE).exec(sql);
        return whyNotRead(file);
    };
    EXPECT_THAT(spoilt("PRAGMA user_version = 9"), HasSubstr("of schema version 1 or older, found version 9"));
    EXPECT_THAT(spoilt("UPDATE run_targets SET run = 70 WHERE run = 0"), HasSubstr("damaged: expected a run of 0 to 6, found 70"));
    EXPECT_THAT(spoilt("DELETE FROM targets"), HasSubstr("damaged: expected at least one row in targets, found none"));
    EXPECT_THAT(spoilt("DELETE FROM benchmark"), HasSubstr("damaged: expected one row in benchmark, found 0"));
    EXPECT_THAT(spoilt("UPDATE runs SET state = 'well'"), HasSubstr("found 'well'"));
    EXPECT_THAT(spoilt("DROP TABLE evaluations"), HasSubstr("results.db: cannot read the results"));
    EXPECT_THAT(spoilt("PRAGMA application_id = 0"), HasSubstr("found a file from before versions; `midpoint bench time-to-target FILE --report-only`"));
    EXPECT_TRUE(isTimeToTargetFile(file)) << "so that reading it says what to do";
    test::write(file, bytes.substr(0, bytes.size() / 2));
    EXPECT_THAT(whyNotRead(file), HasSubstr("cut short"));
}

TEST_F(TimeToTargetTest, BaselineWithoutACompleteRun_IsAnError)
{
    std::vector<Method> all = methods();
    for (MethodRun& run : all[0].runs)
        run.end = RunEnd::Missing;
    EXPECT_THROW(timeToTarget(all, { .baseline = "slow", .targets = { std::nullopt }, .metric = {} }), Error);
    EXPECT_NO_THROW(timeToTarget(all, { .baseline = "slow", .targets = { 0.5 }, .metric = {} })) << "a number needs no baseline";
}

} // namespace
} // namespace midpoint::store
