// What stands in projects/ is right: configurations of the paper but for the files that the user supplies, plans of benchmarks.
#include "backend/config/checks.h"
#include "tests/app/process.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <toml++/toml.h>

#include <set>

namespace midpoint::app::test {
namespace {

std::vector<std::filesystem::path> paperConfigurations()
{
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(midpoint::test::sourceFolder() / "projects/paper"))
        if (entry.path().extension() == ".toml")
            files.push_back(entry.path());
    return files;
}

TEST(PaperProjects, All_ReportOnlyMissingFiles)
{
    const std::vector<std::filesystem::path> files = paperConfigurations();
    ASSERT_EQ(files.size(), 6U);
    const std::set<std::string> supplied
        = { "model.path", "data.train_files", "data.val_files", "selection.predictor_path", "selection.embeddings_path" };
    for (const std::filesystem::path& file : files) {
        const Finished finished = runMidpoint({ "validate", file.string(), "--json" });
        EXPECT_EQ(finished.code, 2) << file;
        const nlohmann::json report = nlohmann::json::parse(finished.out);
        EXPECT_EQ(report["problems"].size(), 8U) << file;
        for (const auto& problem : report["problems"]) {
            EXPECT_EQ(supplied.count(problem["key"]), 1U) << file << problem;
            EXPECT_THAT(problem["message"].get<std::string>(), testing::StartsWith("missing: ")) << file;
        }
    }
}

TEST(PaperProjects, All_HaveThePapersConstants)
{
    for (const std::filesystem::path& file : paperConfigurations()) {
        const config::RunConfig config = config::loadConfig(file).config;
        const bool isMathModel = file.string().find("math-") != std::string::npos;
        EXPECT_EQ(config.rollout.maxNewTokens, isMathModel ? 3072 : 4096) << file;
        EXPECT_EQ(config.batch.promptsPerStep * config.rollout.samplesPerPrompt, 4096) << file;
        EXPECT_EQ(config.selection.referencePrompts, 256) << file;
        EXPECT_EQ(config.selection.intervalSteps, 2) << file;
        EXPECT_EQ(config.selection.temperature, 1e-3) << file;
        EXPECT_EQ(config::freshGroupsPerStep(config), 256) << file;
        EXPECT_EQ(config.replay.capacity, 512) << file;
        EXPECT_EQ(config.optimizer.weightDecay, 0.0) << file;
        EXPECT_EQ(config.rollout.topP, 0.95) << file;
        EXPECT_EQ(config.policy.loss, "behaviour_ratio") << file;
    }
}

TEST(PaperProjects, PresetGrpo_TurnsAFileIntoItsBaseline)
{
    const std::vector<std::string> overrides = { "preset=grpo" };
    for (const std::filesystem::path& file : paperConfigurations()) {
        const config::RunConfig config = config::loadConfig(file, overrides).config;
        EXPECT_EQ(config.selection.strategy, "uniform") << file;
        EXPECT_EQ(config::freshGroupsPerStep(config), 512) << file;
    }
}

std::vector<std::string> texts(const toml::node_view<toml::node> list)
{
    std::vector<std::string> result;
    if (const toml::array* items = list.as_array())
        for (const toml::node& item : *items)
            result.push_back(item.value_or(std::string()));
    return result;
}

TEST(Plans, EveryMethod_HasSettingsThatAreValid)
{
    int plans = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(midpoint::test::sourceFolder() / "projects")) {
        if (entry.path().extension() != ".toml")
            continue;
        toml::table plan = toml::parse_file(entry.path().string());
        if (!plan.contains("method"))
            continue;
        ++plans;
        const midpoint::test::TemporaryFolder runs;
        EXPECT_THAT(runMidpoint({ "bench", "time-to-target", entry.path().string(), "--runs", runs.path().string(), "--report-only" }).err,
            testing::HasSubstr("no run is complete"))
            << "the plan is readable and nothing was trained";
        for (toml::node& method : *plan["method"].as_array()) {
            toml::table& table = *method.as_table();
            std::vector<std::string> overrides = texts(plan["overrides"]);
            for (const std::string& own : texts(table["overrides"]))
                overrides.push_back(own);
            EXPECT_NO_THROW(config::loadConfig(entry.path().parent_path() / table["config"].value_or(std::string()), overrides))
                << entry.path() << ": " << table["name"].value_or(std::string());
        }
    }
    EXPECT_GE(plans, 5);
}

} // namespace
} // namespace midpoint::app::test
