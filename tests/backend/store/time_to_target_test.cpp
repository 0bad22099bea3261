#include "backend/store/time_to_target.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
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
            { "slow", std::nullopt, {}, 0.0,
                { { 1, writeRun(m_folder / "s1", { 0.2, 0.4, 0.6 }, 100), {} }, { 2, writeRun(m_folder / "s2", { 0.2, 0.4, 0.8 }, 100), {} } } },
            { "fast", 1e-4, {}, 140.0,
                { { 1, writeRun(m_folder / "f1", { 0.2, 0.9, 0.9 }, 50), {} }, { 2, writeRun(m_folder / "f2", { 0.2, 0.7, 0.9 }, 50), {} },
                    { 3, writeRun(m_folder / "f3", { 0.2, 0.3, 0.4 }, 50), {} }, { 4, m_folder / "f4", "the grader failed" } } },
        };
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
    const TimeToTarget result = timeToTarget(methods(), { .baseline = "slow", .target = {}, .metric = {}, .smoothing = 0.0 });
    EXPECT_TRUE(result.isPlateau);
    EXPECT_DOUBLE_EQ(result.target, 0.7);
    const MethodResult& slow = result.methods[0];
    EXPECT_EQ(slow.reached, 1) << "seed 1 ends at 0.6";
    const MethodResult& fast = result.methods[1];
    EXPECT_EQ(fast.reached, 2);
    // Seed 1 crosses 0.7 at step 10 x 0.5 / 0.7, seed 2 at step 10, seed 3 never.
    EXPECT_NEAR(fast.steps.lowest, 10 * 0.5 / 0.7, 1e-9);
    EXPECT_DOUBLE_EQ(fast.steps.median, 10.0);
    EXPECT_TRUE(std::isinf(fast.steps.highest));
    EXPECT_DOUBLE_EQ(fast.generatedTokens.median, 500.0);
    EXPECT_DOUBLE_EQ(fast.cpuSeconds.median, 30.0);
    EXPECT_DOUBLE_EQ(fast.trainSeconds.median, 10.0);
    EXPECT_DOUBLE_EQ(fast.evaluationSeconds, 7.0);
}

TEST_F(TimeToTargetTest, Texts_NameEverySeedThatIsMissingAndThePreparation)
{
    const TimeToTarget result = timeToTarget(methods(), { .baseline = "slow", .target = 0.35, .metric = {}, .smoothing = 0.0 });
    const std::string text = renderText(result);
    EXPECT_THAT(text, HasSubstr("| fast (lr 1e-04) | 3 of 4 |"));
    EXPECT_THAT(text, HasSubstr("fast, seed 4 is missing: the grader failed"));
    EXPECT_THAT(text, HasSubstr("of preparation, not in the table"));
    const nlohmann::json json = nlohmann::json::parse(renderJson(result));
    EXPECT_EQ(json["methods"][1]["runs"].size(), 4U);
    EXPECT_EQ(json["methods"][1]["runs"][3]["failure"], "the grader failed");
    // Slow: step 7.5 at 100 tokens; fast: the median of 10 x .15/.7, 10 x .15/.5 and 15 at 50 tokens: 3 x 50.
    EXPECT_THAT(text, HasSubstr("| 80 % |"));
}

TEST_F(TimeToTargetTest, LearningRate_IsTheOneThatHoldsOnAllSeedsAndNotTheOneThatLearnsFastest)
{
    const auto trial = [&](double rate, const std::vector<std::vector<double>>& curves) {
        RateTrial made { rate, {} };
        for (const auto& curve : curves) {
            const std::int64_t seed = 9 + std::ssize(made.runs);
            made.runs.push_back({ seed, writeRun(m_folder / concat(rate, "-", seed), curve, 100), {} });
        }
        return made;
    };
    // The largest has the best mean over the whole course on both seeds, and breaks on the second.
    std::vector<RateTrial> trials = { trial(5e-5, { { 0.2, 0.3, 0.4, 0.5, 0.6 }, { 0.2, 0.3, 0.4, 0.5, 0.6 } }),
        trial(1e-4, { { 0.2, 0.4, 0.6, 0.8, 0.9 }, { 0.2, 0.4, 0.6, 0.8, 0.8 } }),
        trial(2e-4, { { 0.2, 0.8, 0.9, 0.9, 0.9 }, { 0.2, 0.9, 0.9, 0.7, 0.6 } }) };
    EXPECT_EQ(chooseLearningRate(trials, {}), 1e-4);
    EXPECT_NEAR(trials[0].accuracy, 0.55, 1e-12);
    EXPECT_NEAR(trials[1].accuracy, (0.85 + 0.8) / 2, 1e-12);
    EXPECT_NEAR(trials[2].accuracy, (0.9 + 0.65) / 2, 1e-12);

    trials[1].runs[0].failure = "the loss is not finite"; // counts as nothing learned
    EXPECT_EQ(chooseLearningRate(trials, {}), 2e-4);
    EXPECT_NEAR(trials[1].accuracy, 0.8 / 2, 1e-12);

    std::vector<Method> all = methods();
    all[1].trials = trials;
    const TimeToTarget result = timeToTarget(all, { .baseline = "slow", .target = 0.35, .metric = {}, .smoothing = 0.0 });
    EXPECT_THAT(renderText(result), HasSubstr("fast, learning rates tried (accuracy over the second half): 5e-05 0.550, 1e-04 0.400, 2e-04 0.775"));
    EXPECT_EQ(nlohmann::json::parse(renderJson(result))["methods"][1]["learning_rate_trials"][1]["runs"][0]["failure"], "the loss is not finite");
}

TEST_F(TimeToTargetTest, Database_HoldsMethodsAndRunsAndReplacesAnOlderOne)
{
    const TimeToTarget result = timeToTarget(methods(), { .baseline = "slow", .target = 0.7, .metric = {}, .smoothing = 0.0 });
    for (int pass = 0; pass < 2; ++pass)
        writeDatabase(result, m_folder / "results.db");
    SQLite::Database database((m_folder / "results.db").string());
    EXPECT_EQ(database.execAndGet("SELECT count(*) FROM method_run").getInt(), 6);
    EXPECT_EQ(database.execAndGet("SELECT count(*) FROM method_run WHERE step IS NULL").getInt(), 3);
    EXPECT_EQ(database.execAndGet("SELECT setup_seconds FROM method WHERE name = 'fast'").getDouble(), 140.0);
    EXPECT_EQ(database.execAndGet("SELECT baseline FROM benchmark").getString(), "slow");
}

TEST_F(TimeToTargetTest, BaselineWithoutACompleteRun_IsAnError)
{
    std::vector<Method> all = methods();
    for (MethodRun& run : all[0].runs)
        run.failure = "stopped";
    EXPECT_THROW(timeToTarget(all, { .baseline = "slow", .target = {}, .metric = {} }), Error);
}

} // namespace
} // namespace midpoint::store
