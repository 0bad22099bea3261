// Runs on several ranks as users start them, for tests: commands as child processes, and what a run folder tells. Waits are for
// conditions, with a deadline.
#pragma once

#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/launch/exit_record.h"
#include "backend/launch/heartbeat.h"
#include "backend/store/rollout_store.h"
#include "backend/store/run_reader.h"
#include "tests/support/fixtures.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <map>
#include <netinet/in.h>
#include <sstream>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace midpoint::test {

inline bool waitUntil(const std::function<bool()>& condition, double seconds = 120.0)
{
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

// A command with its output in a file, killed at the end of the test if it still runs.
class Child {
public:
    Child(const std::vector<std::string>& words, const std::filesystem::path& output, const std::vector<std::string>& environment = {})
        : m_process(::fork())
    {
        if (m_process != 0)
            return;
        const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
        ::dup2(file, 1);
        ::dup2(file, 2);
        for (const std::string& entry : environment)
            ::putenv(const_cast<char*>(entry.c_str()));
        std::vector<char*> arguments;
        for (const std::string& word : words)
            arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child()
    {
        if (!m_isReaped) {
            ::kill(m_process, SIGKILL);
            wait();
        }
    }
    pid_t pid() const { return m_process; }
    void kill(int signal) const { ::kill(m_process, signal); }
    int wait()
    {
        int status = 0;
        ::waitpid(m_process, &status, 0);
        m_isReaped = true;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

private:
    pid_t m_process;
    bool m_isReaped = false;
};

// Processes whose command line names this folder.
inline std::vector<pid_t> processesOf(const std::filesystem::path& folder)
{
    std::vector<pid_t> found;
    for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos)
            continue;
        std::ifstream file(entry.path() / "cmdline", std::ios::binary);
        const std::string words { std::istreambuf_iterator<char>(file), {} };
        if (words.find(folder.string()) != std::string::npos)
            found.push_back(static_cast<pid_t>(std::stoi(name)));
    }
    return found;
}

// A port that nobody listens at, below the range that systems give out by themselves; others look elsewhere at the same time.
inline int freePort()
{
    for (int port = 20000 + ::getpid() % 10000;; ++port) {
        const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address {};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        const bool isFree = ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(descriptor);
        if (isFree)
            return port;
    }
}

class DistributedTest : public testing::Test {
protected:
    std::vector<std::string> words(const std::filesystem::path& run, std::int64_t ranks, const std::vector<std::string>& more = {})
    {
        std::vector<std::string> all = { test::midpointBinary().string(), "train",
            (test::sourceFolder() / "projects" / "arithmetic" / "dots-rr.toml").string(), "--run-dir", run.string(), "--nproc",
            std::to_string(ranks), "run.threads=1", "run.steps=4", "checkpoint.every_steps=2", "checkpoint.keep=9", "eval.every_steps=0",
            "eval.at_start=false", "store.rollouts_per_step=-1", "batch.prompts_per_step=8", "selection.belief=\"posterior\"", "selection.predictor_path=\"\"", "run.liveness_seconds=4",
            "run.rendezvous_seconds=60" };
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    int train(const std::filesystem::path& run, std::int64_t ranks, const std::vector<std::string>& more = {})
    {
        return Child(words(run, ranks, more), m_folder / "output").wait();
    }
    std::string output() const { return test::read(m_folder / "output"); }
    static std::vector<launch::Heartbeat> beats(const std::filesystem::path& run)
    {
        std::error_code error;
        return std::filesystem::exists(run / "heartbeat", error) ? launch::readHeartbeats(launch::RunFolder::open(run)) : std::vector<launch::Heartbeat> {};
    }
    static std::optional<launch::Heartbeat> beatOf(const std::filesystem::path& run, std::int64_t rank)
    {
        for (const launch::Heartbeat& beat : beats(run))
            if (beat.rank == rank)
                return beat;
        return std::nullopt;
    }
    static launch::ExitRecord record(const std::filesystem::path& run) { return launch::readExitRecord(launch::RunFolder::open(run)).value(); }
    static std::int64_t lastStep(const std::filesystem::path& run)
    {
        std::int64_t last = 0;
        std::istringstream text(test::read(run / "metrics.jsonl"));
        for (std::string line; std::getline(text, line);)
            if (const nlohmann::json row = nlohmann::json::parse(line, nullptr, false); row.is_object())
                last = row["global_step"];
        return last;
    }
    static bool isCheckpointBeingWritten(const std::filesystem::path& run)
    {
        std::error_code error;
        for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator(run / "checkpoints", error))
            if (entry.path().extension() == ".writing")
                return true;
        return false;
    }
    // Nothing may be left: no process of the run, no lock.
    static void expectGone(const std::filesystem::path& run)
    {
        EXPECT_TRUE(waitUntil([&] { return processesOf(run).empty(); }, 15.0)) << "processes are left";
        EXPECT_FALSE(launch::lockHolder(launch::RunFolder::open(run)).has_value());
    }

    test::TemporaryFolder m_folder;
    const int m_port = freePort(); // for launchers
};

inline std::map<std::int64_t, std::vector<std::vector<std::int32_t>>> rolloutsOf(const std::filesystem::path& run, std::int64_t step)
{
    std::map<std::int64_t, std::vector<std::vector<std::int32_t>>> tokens;
    for (const store::StoredGroup& group : store::RolloutReader(run).groups(step))
        for (const store::StoredRollout& rollout : group.rollouts)
            tokens[group.promptIndex].push_back(rollout.rollout.tokens);
    return tokens;
}

} // namespace midpoint::test
