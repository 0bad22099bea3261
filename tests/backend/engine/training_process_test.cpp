// The main job as users run it: the program trains the demo, is killed, and goes on bit for bit.
#include "backend/core/files.h"
#include "backend/store/rollout_store.h"
#include "tests/support/fixtures.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <map>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace fs = std::filesystem;
using namespace midpoint;
using nlohmann::json;

namespace {

// A child process with its output in a file.
class Child {
public:
    Child(const std::vector<std::string>& words, const fs::path& output)
        : m_process(::fork())
    {
        if (m_process != 0)
            return;
        const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
        ::dup2(file, 1);
        ::dup2(file, 2);
        std::vector<char*> arguments;
        for (const std::string& word : words)
            arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        ::execv(arguments[0], arguments.data());
        ::_exit(127);
    }
    void kill(int signal) const { ::kill(m_process, signal); }
    int wait() const
    {
        int status = 0;
        ::waitpid(m_process, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

private:
    pid_t m_process;
};

class TrainingTest : public testing::Test {
protected:
    void SetUp() override
    {
        m_project = test::sourceFolder() / "projects" / "arithmetic";
        ASSERT_TRUE(fs::exists(m_project / "base" / "model.safetensors"));
    }
    std::vector<std::string> words(const fs::path& run, const std::string& config, const std::vector<std::string>& more = {})
    {
        std::vector<std::string> all = { test::midpointBinary().string(), "train", (m_project / config).string(), "--run-dir", run.string(),
            "run.threads=1", "run.steps=6", "checkpoint.every_steps=2", "checkpoint.keep=9", "eval.every_steps=3", "eval.max_prompts=32" };
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    int train(const fs::path& run, const std::string& config, const std::vector<std::string>& more = {})
    {
        return Child(words(run, config, more), m_folder / "output").wait();
    }
    std::string output() const { return test::read(m_folder / "output"); }

    // Waits until the run has stored this step.
    bool waitForStep(const fs::path& run, std::int64_t step)
    {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
        while (std::chrono::steady_clock::now() < deadline) {
            for (const json& line : metrics(run))
                if (line["global_step"] >= step)
                    return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return false;
    }
    // metrics.jsonl without what is measured in time or memory.
    static std::vector<json> metrics(const fs::path& run)
    {
        std::vector<json> lines;
        std::istringstream text(test::read(run / "metrics.jsonl"));
        for (std::string line; std::getline(text, line);) {
            json row = json::parse(line, nullptr, false);
            if (!row.is_object())
                continue;
            for (auto item = row.begin(); item != row.end();) {
                const std::string& key = item.key();
                const bool isTime = key.starts_with("timing_s/") || key.starts_with("perf/") || key.starts_with("system/") || key.starts_with("memory/")
                    || key == "wall_time" || key.ends_with("_seconds") || key.ends_with("_time_s");
                item = isTime ? row.erase(item) : std::next(item);
            }
            lines.push_back(row);
        }
        return lines;
    }
    static void expectSame(const fs::path& a, const fs::path& b, const std::string& step)
    {
        for (const char* file : { "model.safetensors", "optimizer.safetensors", "ledger.bin", "selector.bin" })
            EXPECT_EQ(checksumFile(a / "checkpoints" / step / file), checksumFile(b / "checkpoints" / step / file)) << file;
        EXPECT_EQ(metrics(a), metrics(b));
    }

    fs::path m_project;
    test::TemporaryFolder m_folder;
};

} // namespace

TEST_F(TrainingTest, Train_TryingTheWorstCaseFirst_ChangesNoNumber)
{
    const std::vector<std::string> few = { "run.steps=2", "eval.every_steps=0" };
    std::vector<std::string> trying = few;
    trying.push_back("run.try_worst_case=yes");
    ASSERT_EQ(train(m_folder / "plain", "grpo.toml", few), 0) << output();
    EXPECT_THAT(output(), testing::HasSubstr("weights "));
    EXPECT_THAT(output(), testing::Not(testing::HasSubstr("tried first")));
    ASSERT_EQ(train(m_folder / "trying", "grpo.toml", trying), 0) << output();
    EXPECT_THAT(output(), testing::HasSubstr("tried first: "));
    expectSame(m_folder / "plain", m_folder / "trying", "step_000002");
    const std::string line = test::read(m_folder / "plain/metrics.jsonl");
    for (const char* owner : { "weights", "gradients", "optimizer", "cache", "activations" }) {
        const json last = json::parse(line.substr(line.rfind('\n', line.size() - 2) + 1));
        EXPECT_GT(last[std::string("memory/") + owner + "_gb"].get<double>(), 0.0) << owner;
    }
}

struct Resumed {
    const char* name;
    const char* config;
    std::vector<std::string> settings = {};
};
void PrintTo(const Resumed& resumed, std::ostream* out) { *out << resumed.name; }

class ResumeTest : public TrainingTest, public testing::WithParamInterface<Resumed> {};

TEST_P(ResumeTest, Train_KilledAndResumed_EqualsAnUninterruptedRunBitForBit)
{
    const Resumed& c = GetParam();
    ASSERT_EQ(train(m_folder / "whole", c.config, c.settings), 0) << output();
    const Child killed(words(m_folder / "cut", c.config, c.settings), m_folder / "output");
    ASSERT_TRUE(waitForStep(m_folder / "cut", 3)) << output();
    killed.kill(SIGKILL);
    killed.wait();
    ASSERT_EQ(train(m_folder / "cut", c.config, c.settings), 0) << output();
    expectSame(m_folder / "whole", m_folder / "cut", "step_000006");
}

INSTANTIATE_TEST_SUITE_P(Configurations, ResumeTest,
    testing::Values(Resumed { "grpo", "grpo.toml" }, Resumed { "dots", "dots.toml" }, Resumed { "dotsRr", "dots-rr.toml" },
        Resumed { "dynamicSampling", "dapo.toml", { "selection.interval_steps=2" } }, Resumed { "mopps", "mopps.toml" },
        Resumed { "midpoint", "midpoint.toml", { "rollout.screen_samples=3" } }, Resumed { "midpointReplay", "midpoint-rr.toml" },
        Resumed { "snis", "dots-rr.toml", { "selection.belief=\"snis\"", "selection.predictor_path=\"\"", "replay.positive_only=false" } },
        Resumed { "lastSeen", "dots.toml", { "selection.belief=\"last_seen\"", "selection.predictor_path=\"\"" } },
        Resumed { "midpointEverything", "midpoint.toml",
            { "rollout.min_samples=2", "rollout.max_samples=12", "selection.clusters=8", "selection.thrift=1", "rollout.screen_samples=2" } },
        Resumed { "oracle", "midpoint.toml", { "selection.belief=\"oracle\"", "selection.oracle_prompts=32" } }),
    [](const auto& item) { return std::string(item.param.name); });

TEST_F(TrainingTest, Train_DynamicSampling_FillsTheBatchAndCountsEveryRollout)
{
    ASSERT_EQ(train(m_folder / "run", "dapo.toml", { "run.steps=2", "eval.every_steps=0", "eval.at_start=false" }), 0) << output();
    std::int64_t rollouts = 0;
    for (const json& line : metrics(m_folder / "run")) {
        if (!line.contains("generation/rounds"))
            continue;
        EXPECT_EQ(line["actor/dropped_groups"], 0.0);
        EXPECT_EQ(line["generation/missing_groups"], 0.0) << "one or two rounds suffice at the start";
        const auto rounds = line["generation/rounds"].get<std::int64_t>();
        rollouts += rounds * 48 * 4;
        EXPECT_EQ(line["budget/rollouts"], rollouts) << "rounds of 48 prompts, kept or not";
        EXPECT_EQ(line["generation/unused_groups"], rounds * 48 - 16);
    }
    EXPECT_GT(rollouts, 0);
}

TEST_F(TrainingTest, Train_DynamicSamplingWithTooFewRounds_TrainsOnWhatThereIsAndNamesTheCap)
{
    ASSERT_EQ(train(m_folder / "run", "dapo.toml",
                  { "run.steps=1", "eval.every_steps=0", "eval.at_start=false", "selection.generation_prompts=4", "selection.max_rounds=2" }),
        0)
        << output();
    EXPECT_THAT(test::read(m_folder / "run" / "log" / "rank0.log"), testing::HasSubstr("selection.max_rounds = 2"));
    EXPECT_EQ(metrics(m_folder / "run").back()["budget/rollouts"], 2 * 4 * 4);
}

// The same prompts with and without screening: what is completed must be the very group that would have been made at once.
TEST_F(TrainingTest, Train_Screening_GivesUpGroupsAndCompletesOthersUnchanged)
{
    const std::vector<std::string> settings = { "run.steps=1", "eval.every_steps=0", "eval.at_start=false", "store.rollouts_per_step=-1",
        "rollout.samples_per_prompt=8" };
    std::vector<std::string> screened = settings;
    screened.push_back("rollout.screen_samples=3");
    ASSERT_EQ(train(m_folder / "full", "uniform.toml", settings), 0) << output();
    ASSERT_EQ(train(m_folder / "screened", "uniform.toml", screened), 0) << output();
    std::map<std::int64_t, store::StoredGroup> full;
    for (store::StoredGroup& group : store::RolloutReader(m_folder / "full").groups(1))
        full[group.promptIndex] = std::move(group);
    std::int64_t completed = 0;
    const auto groups = store::RolloutReader(m_folder / "screened").groups(1);
    ASSERT_EQ(groups.size(), full.size());
    for (const store::StoredGroup& group : groups) {
        const std::vector<store::StoredRollout>& whole = full.at(group.promptIndex).rollouts;
        ASSERT_EQ(group.rollouts.size(), group.purpose == Purpose::Screen ? 3U : 8U);
        bool differs = false;
        for (std::size_t i = 0; i < group.rollouts.size(); ++i) {
            EXPECT_EQ(group.rollouts[i].rollout.tokens, whole[i].rollout.tokens);
            differs = differs || (i < 3 && whole[i].rollout.reward != whole[0].rollout.reward);
        }
        EXPECT_EQ(differs, group.purpose == Purpose::Train);
        completed += differs ? 1 : 0;
    }
    EXPECT_GT(completed, 0);
    EXPECT_LT(completed, 16);
    EXPECT_EQ(metrics(m_folder / "screened").back()["budget/rollouts"], 16 * 3 + completed * 5);
}

// Whoever reads the rollouts of a step sees what was trained on again, though the replay buffer holds no texts.
TEST_F(TrainingTest, Train_Replay_StoresTheTextsOfReplayedGroups)
{
    ASSERT_EQ(train(m_folder / "run", "dots-rr.toml", { "eval.every_steps=0", "eval.at_start=false", "store.rollouts_per_step=-1" }), 0) << output();
    const store::RolloutReader reader(m_folder / "run");
    int replayed = 0;
    for (const std::int64_t step : reader.steps())
        for (const store::StoredGroup& group : reader.groups(step)) {
            if (!group.isReplayed)
                continue;
            ++replayed;
            for (const store::StoredGroup& born : reader.groups(group.birthStep, group.promptIndex))
                for (std::size_t i = 0; i < (born.isReplayed ? 0 : group.rollouts.size()); ++i) {
                    EXPECT_EQ(group.rollouts[i].rollout.text, born.rollouts[i].rollout.text);
                    EXPECT_EQ(group.rollouts[i].tokenEnds, born.rollouts[i].tokenEnds);
                }
        }
    EXPECT_GT(replayed, 0);
    // The percentiles of a step lie around its mean, and within its extremes.
    for (json& step : metrics(m_folder / "run")) {
        if (!step.contains("critic/rewards/mean"))
            continue;
        EXPECT_LE(step["critic/rewards/min"].get<double>(), step["critic/rewards/group_p10"].get<double>());
        EXPECT_LE(step["critic/rewards/group_p10"].get<double>(), step["critic/rewards/group_p90"].get<double>());
        EXPECT_LE(step["critic/rewards/group_p90"].get<double>(), step["critic/rewards/max"].get<double>());
    }
}

TEST_F(TrainingTest, Train_Oracle_CostsAreCountedApart)
{
    ASSERT_EQ(train(m_folder / "run", "midpoint.toml",
                  { "run.steps=2", "eval.every_steps=0", "eval.at_start=false", "selection.belief=\"oracle\"", "selection.oracle_prompts=32",
                      "selection.exploration_share=0" }),
        0)
        << output();
    const json last = metrics(m_folder / "run").back();
    EXPECT_EQ(last["budget/oracle_rollouts"], 2 * 32 * 8);
    EXPECT_EQ(last["budget/rollouts"], 2 * 16 * 4);
}

TEST_F(TrainingTest, Train_Terminated_StopsWithACheckpointAndGoesOn)
{
    ASSERT_EQ(train(m_folder / "whole", "dots-rr.toml"), 0) << output();
    const Child stopped(words(m_folder / "cut", "dots-rr.toml", { "checkpoint.every_steps=0" }), m_folder / "output");
    ASSERT_TRUE(waitForStep(m_folder / "cut", 1)) << output();
    stopped.kill(SIGTERM);
    EXPECT_EQ(stopped.wait(), 0) << output();
    EXPECT_FALSE(fs::is_empty(m_folder / "cut" / "checkpoints"));
    ASSERT_EQ(train(m_folder / "cut", "dots-rr.toml"), 0) << output();
    expectSame(m_folder / "whole", m_folder / "cut", "step_000006");
}

TEST_F(TrainingTest, Train_SameSeedTwice_IsTheSameRun)
{
    ASSERT_EQ(train(m_folder / "a", "dots-rr.toml"), 0) << output();
    ASSERT_EQ(train(m_folder / "b", "dots-rr.toml"), 0) << output();
    expectSame(m_folder / "a", m_folder / "b", "step_000006");
}

TEST_F(TrainingTest, Train_NewestCheckpointDamaged_GoesOnFromTheOneBefore)
{
    ASSERT_EQ(train(m_folder / "run", "grpo.toml"), 0) << output();
    const fs::path newest = m_folder / "run" / "checkpoints" / "step_000006" / "model.safetensors";
    std::string bytes = test::read(newest);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    test::write(newest, bytes);
    ASSERT_EQ(train(m_folder / "run", "grpo.toml", { "run.steps=7" }), 0) << output();
    EXPECT_THAT(test::read(m_folder / "run" / "log" / "rank0.log"), testing::HasSubstr("continues after step 4"));
}

TEST_F(TrainingTest, Train_EveryCheckpointDamaged_IsRefusedAndChangesNothing)
{
    ASSERT_EQ(train(m_folder / "run", "grpo.toml"), 0) << output();
    const fs::path checkpoints = m_folder / "run" / "checkpoints";
    for (const auto& entry : fs::directory_iterator(checkpoints))
        test::write(entry.path() / "model.safetensors", "damaged");
    EXPECT_EQ(train(m_folder / "run", "grpo.toml", { "run.steps=7" }), 1);
    EXPECT_THAT(output(), testing::AllOf(testing::HasSubstr("expected a complete checkpoint to go on from"),
                              testing::HasSubstr("step_000006/model.safetensors")));
    EXPECT_TRUE(fs::exists(checkpoints / "step_000006"));
    EXPECT_FALSE(fs::exists(checkpoints / "step_000007"));
}

TEST_F(TrainingTest, Train_OtherDataOnResume_IsRefusedUnlessAllowed)
{
    ASSERT_EQ(train(m_folder / "run", "grpo.toml"), 0) << output();
    const std::string other = "data.train_files=[\"" + (m_project / "pool-b.jsonl").string() + "\"]";
    EXPECT_EQ(train(m_folder / "run", "grpo.toml", { "run.steps=7", other }), 1);
    EXPECT_THAT(output(), testing::HasSubstr("data.allow_dataset_change"));
}

TEST_F(TrainingTest, Train_RunFolderInUse_SaysWhoHoldsIt)
{
    const Child first(words(m_folder / "run", "grpo.toml", { "run.steps=400" }), m_folder / "first");
    ASSERT_TRUE(waitForStep(m_folder / "run", 1));
    EXPECT_NE(train(m_folder / "run", "grpo.toml"), 0);
    EXPECT_THAT(output(), testing::HasSubstr("run.lock"));
    first.kill(SIGTERM);
    EXPECT_EQ(first.wait(), 0);
}

TEST_F(TrainingTest, Train_LogprobsOfRolloutAndTrainer_DifferByLessThan1e5)
{
    ASSERT_EQ(train(m_folder / "run", "dots-rr.toml"), 0) << output();
    std::int64_t seen = 0;
    for (const json& line : metrics(m_folder / "run"))
        if (line.contains("training/rollout_logprob_diff_mean")) {
            EXPECT_LT(line["training/rollout_logprob_diff_mean"].get<double>(), 1e-5);
            ++seen;
        }
    EXPECT_EQ(seen, 6);
}
