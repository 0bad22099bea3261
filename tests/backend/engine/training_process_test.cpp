// The main job as users run it: the program trains the demo, is killed, and goes on bit for bit.
#include "backend/core/files.h"
#include "tests/support/fixtures.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fcntl.h>
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
                const bool isTime = key.starts_with("timing_s/") || key.starts_with("perf/") || key.starts_with("system/")
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

class ResumeTest : public TrainingTest, public testing::WithParamInterface<const char*> {};

TEST_P(ResumeTest, Train_KilledAndResumed_EqualsAnUninterruptedRunBitForBit)
{
    ASSERT_EQ(train(m_folder / "whole", GetParam()), 0) << output();
    const Child killed(words(m_folder / "cut", GetParam()), m_folder / "output");
    ASSERT_TRUE(waitForStep(m_folder / "cut", 3)) << output();
    killed.kill(SIGKILL);
    killed.wait();
    ASSERT_EQ(train(m_folder / "cut", GetParam()), 0) << output();
    expectSame(m_folder / "whole", m_folder / "cut", "step_000006");
}

INSTANTIATE_TEST_SUITE_P(Configurations, ResumeTest, testing::Values("grpo.toml", "dots.toml", "dots-rr.toml"));

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
