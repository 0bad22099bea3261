// Runs on several ranks as users start them: the same choices and rollouts as on one, faults of every kind, and going on with
// another number of ranks. Waits are for conditions, with a deadline.
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

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace fs = std::filesystem;
using namespace midpoint;
using nlohmann::json;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

namespace {

bool waitUntil(const std::function<bool()>& condition, double seconds = 120.0)
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
    Child(const std::vector<std::string>& words, const fs::path& output, const std::vector<std::string>& environment = {})
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
std::vector<pid_t> processesOf(const fs::path& folder)
{
    std::vector<pid_t> found;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
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

class DistributedTest : public testing::Test {
protected:
    std::vector<std::string> words(const fs::path& run, std::int64_t ranks, const std::vector<std::string>& more = {})
    {
        std::vector<std::string> all = { test::midpointBinary().string(), "train",
            (test::sourceFolder() / "projects" / "arithmetic" / "dots-rr.toml").string(), "--run-dir", run.string(), "--nproc",
            std::to_string(ranks), "run.threads=1", "run.steps=4", "checkpoint.every_steps=2", "checkpoint.keep=9", "eval.every_steps=0",
            "eval.at_start=false", "store.rollouts_per_step=-1", "batch.prompts_per_step=8", "selection.belief=\"posterior\"", "selection.predictor_path=\"\"", "run.liveness_seconds=4",
            "run.rendezvous_seconds=60" };
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    int train(const fs::path& run, std::int64_t ranks, const std::vector<std::string>& more = {})
    {
        return Child(words(run, ranks, more), m_folder / "output").wait();
    }
    std::string output() const { return test::read(m_folder / "output"); }
    static std::vector<launch::Heartbeat> beats(const fs::path& run)
    {
        std::error_code error;
        return fs::exists(run / "heartbeat", error) ? launch::readHeartbeats(launch::RunFolder::open(run)) : std::vector<launch::Heartbeat> {};
    }
    static std::optional<launch::Heartbeat> beatOf(const fs::path& run, std::int64_t rank)
    {
        for (const launch::Heartbeat& beat : beats(run))
            if (beat.rank == rank)
                return beat;
        return std::nullopt;
    }
    static launch::ExitRecord record(const fs::path& run) { return launch::readExitRecord(launch::RunFolder::open(run)).value(); }
    static std::int64_t lastStep(const fs::path& run)
    {
        std::int64_t last = 0;
        std::istringstream text(test::read(run / "metrics.jsonl"));
        for (std::string line; std::getline(text, line);)
            if (const json row = json::parse(line, nullptr, false); row.is_object())
                last = row["global_step"];
        return last;
    }
    static bool isCheckpointBeingWritten(const fs::path& run)
    {
        std::error_code error;
        for (const fs::directory_entry& entry : fs::directory_iterator(run / "checkpoints", error))
            if (entry.path().extension() == ".writing")
                return true;
        return false;
    }
    // Nothing may be left: no process of the run, no lock.
    static void expectGone(const fs::path& run)
    {
        EXPECT_TRUE(waitUntil([&] { return processesOf(run).empty(); }, 15.0)) << "processes are left";
        EXPECT_FALSE(launch::lockHolder(launch::RunFolder::open(run)).has_value());
    }

    test::TemporaryFolder m_folder;
};

std::map<std::int64_t, std::vector<std::vector<std::int32_t>>> rolloutsOf(const fs::path& run, std::int64_t step)
{
    std::map<std::int64_t, std::vector<std::vector<std::int32_t>>> tokens;
    for (const store::StoredGroup& group : store::RolloutReader(run).groups(step))
        for (const store::StoredRollout& rollout : group.rollouts)
            tokens[group.promptIndex].push_back(rollout.rollout.tokens);
    return tokens;
}

} // namespace

TEST_F(DistributedTest, Train_OnTwoAndFourRanks_SelectsAndRollsOutAsOnOne)
{
    const std::vector<std::string> once = { "run.steps=1" };
    ASSERT_EQ(train(m_folder / "one", 1, once), 0) << output();
    const auto alone = rolloutsOf(m_folder / "one", 1);
    ASSERT_EQ(alone.size(), 8U);
    for (const std::int64_t ranks : { 2, 4 }) {
        const fs::path run = m_folder / std::to_string(ranks);
        ASSERT_EQ(train(run, ranks, once), 0) << output();
        EXPECT_EQ(rolloutsOf(run, 1), alone) << ranks << " ranks: the same prompts, and the same tokens";
        EXPECT_EQ(record(run).outcome, launch::Outcome::Finished);
        EXPECT_EQ(beats(run).size(), static_cast<std::size_t>(ranks));
        EXPECT_EQ(store::RunReader(run).ranks().size(), static_cast<std::size_t>(ranks));
        expectGone(run);
    }
}

TEST_F(DistributedTest, Checkpoint_OfFourRanks_GoesOnOnOneTwoAndThree)
{
    ASSERT_EQ(train(m_folder / "four", 4, { "run.steps=2" }), 0) << output();
    for (const std::int64_t ranks : { 1, 2, 3 }) {
        const fs::path run = m_folder / concat("on-", ranks);
        fs::copy(m_folder / "four", run, fs::copy_options::recursive);
        ASSERT_EQ(train(run, ranks, { "run.steps=3" }), 0) << output();
        EXPECT_EQ(record(run).lastStep, 3);
        EXPECT_EQ(lastStep(run), 3);
        EXPECT_THAT(test::read(run / "log" / "rank0.log"), HasSubstr("continues after step 2"));
    }
    // From the same state the next step's prompts and tokens do not depend on the number of ranks.
    EXPECT_EQ(rolloutsOf(m_folder / "on-1", 3), rolloutsOf(m_folder / "on-2", 3));
    EXPECT_EQ(rolloutsOf(m_folder / "on-1", 3), rolloutsOf(m_folder / "on-3", 3));
}

TEST_F(DistributedTest, RoundedWeights_OnTwoRanks_AreSavedWholeAndGoOn)
{
    ASSERT_EQ(train(m_folder / "run", 2, { "run.steps=2", "run.dtype=\"bfloat16\"" }), 0) << output();
    ASSERT_TRUE(fs::exists(m_folder / "run" / "checkpoints" / "step_000002" / "master.safetensors"));
    ASSERT_EQ(train(m_folder / "run", 1, { "run.steps=3", "run.dtype=\"bfloat16\"" }), 0) << output();
    EXPECT_EQ(lastStep(m_folder / "run"), 3);
}

// ---- faults ----

struct Fault {
    const char* name;
    std::int64_t rank;
    int signal;
    std::string phase; // the rank is hit when its heartbeat says so
    std::string expected;
};
void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

class FaultTest : public DistributedTest, public testing::WithParamInterface<Fault> {};

TEST_P(FaultTest, Train_RankIsHit_IsNamedEverythingEndsAndResumeGoesOn)
{
    const Fault& fault = GetParam();
    const fs::path run = m_folder / "run";
    // Long enough to be hit after the first checkpoint; beats come every 0.8 s, but short phases are found too.
    Child child(words(run, 2, { "run.steps=400" }), m_folder / "output");
    ASSERT_TRUE(waitUntil([&] { return fs::exists(run / "checkpoints" / "step_000002"); })) << output();
    ASSERT_TRUE(waitUntil([&] {
        const auto beat = beatOf(run, fault.rank);
        if (fault.phase == "checkpoint")
            return isCheckpointBeingWritten(run);
        return beat.has_value() && (fault.phase.empty() || beat->phase == fault.phase);
    })) << output();
    const auto hit = beatOf(run, fault.rank);
    ::kill(static_cast<pid_t>(hit->pid), fault.signal);
    EXPECT_EQ(child.wait(), 1);

    const launch::ExitRecord end = record(run);
    EXPECT_EQ(end.outcome, launch::Outcome::Failed);
    EXPECT_EQ(end.rank, fault.rank) << end.reason;
    EXPECT_EQ(end.host, launch::hostName());
    EXPECT_GE(end.step, 1);
    EXPECT_FALSE(end.phase.empty());
    EXPECT_THAT(end.reason, AllOf(HasSubstr(fault.expected), HasSubstr("step ")));
    EXPECT_THAT(output(), HasSubstr(concat("rank ", fault.rank, " on ", launch::hostName(), " failed: ")));
    expectGone(run);
    if (fault.rank != 0) { // rank 0 lived, and left it as an event
        bool isEvent = false;
        for (const store::Event& event : store::RunReader(run).eventsSince(0))
            isEvent = isEvent || event.message.find(concat("rank ", fault.rank, " on ")) != std::string::npos;
        EXPECT_TRUE(isEvent);
    }

    const std::int64_t reached = lastStep(run);
    ASSERT_EQ(train(run, 1, { concat("run.steps=", reached + 1) }), 0) << output();
    EXPECT_EQ(lastStep(run), reached + 1);
    EXPECT_THAT(test::read(run / "log" / "rank0.log"), HasSubstr("continues after step "));
}

INSTANTIATE_TEST_SUITE_P(Faults, FaultTest,
    testing::Values(Fault { "killedInRollout", 1, SIGKILL, "generate", "signal 9" },
        Fault { "killedInUpdate", 1, SIGKILL, "update", "signal 9" }, Fault { "killedInCheckpoint", 1, SIGKILL, "checkpoint", "signal 9" },
        Fault { "stopped", 1, SIGSTOP, "", "gave no sign of life for 4 s" }, Fault { "firstKilled", 0, SIGKILL, "", "signal 9" }),
    [](const auto& item) { return std::string(item.param.name); });

TEST_F(DistributedTest, Supervisor_Killed_LeavesNoProcessAndNoLockAndResumeGoesOn)
{
    const fs::path run = m_folder / "run";
    Child child(words(run, 2, { "run.steps=400" }), m_folder / "output");
    ASSERT_TRUE(waitUntil([&] { return fs::exists(run / "checkpoints" / "step_000002"); })) << output();
    child.kill(SIGKILL);
    child.wait();
    expectGone(run);
    EXPECT_FALSE(fs::exists(run / "exit.json"));
    const std::int64_t reached = lastStep(run);
    ASSERT_EQ(train(run, 2, { concat("run.steps=", reached + 1) }), 0) << output();
    EXPECT_EQ(lastStep(run), reached + 1);
}

TEST_F(DistributedTest, Train_Terminated_StopsAllRanksWithACheckpoint)
{
    const fs::path run = m_folder / "run";
    Child child(words(run, 2, { "run.steps=400", "checkpoint.every_steps=0" }), m_folder / "output");
    ASSERT_TRUE(waitUntil([&] { return fs::exists(run / "metrics.jsonl") && lastStep(run) >= 1; })) << output();
    child.kill(SIGTERM);
    EXPECT_EQ(child.wait(), 0) << output();
    EXPECT_EQ(record(run).outcome, launch::Outcome::Stopped);
    EXPECT_EQ(std::distance(fs::directory_iterator(run / "checkpoints"), fs::directory_iterator()), 1);
    expectGone(run);
}

// ---- several hosts and other launchers ----

// Two hosts on one machine: network namespaces joined by one cable.
class HostsTest : public DistributedTest {
protected:
    void SetUp() override
    {
        m_names = { concat("mpa", ::getpid()), concat("mpb", ::getpid()) };
        const bool isMade = shell(concat("ip netns add ", m_names[0], " && ip netns add ", m_names[1])) == 0
            && shell(concat("ip link add ", m_names[0], " netns ", m_names[0], " type veth peer name ", m_names[1], " netns ", m_names[1])) == 0;
        if (!isMade)
            GTEST_SKIP() << "network namespaces cannot be made here: " << output();
        for (std::size_t host = 0; host < 2; ++host)
            ASSERT_EQ(shell(concat("ip -n ", m_names[host], " link set lo up && ip -n ", m_names[host], " addr add 10.231.7.", host + 1,
                          "/24 dev ", m_names[host], " && ip -n ", m_names[host], " link set ", m_names[host], " up")),
                0);
    }
    void TearDown() override
    {
        for (const std::string& name : m_names)
            shell(concat("ip netns del ", name));
    }
    int shell(const std::string& command) { return Child({ "sh", "-c", command }, m_folder / "output").wait(); }
    std::unique_ptr<Child> startHost(const fs::path& run, std::int64_t host, std::vector<std::string> more = {})
    {
        std::vector<std::string> all = { "ip", "netns", "exec", m_names.at(static_cast<std::size_t>(host)) };
        more.insert(more.begin(), { "--nnodes", "2", "--node-rank", std::to_string(host), "--master", "10.231.7.1:29511" });
        const std::vector<std::string> train = words(run, 1, more);
        all.insert(all.end(), train.begin(), train.end());
        return std::make_unique<Child>(all, m_folder / concat("host", host));
    }
    std::string outputOf(std::int64_t host) const { return test::read(m_folder / concat("host", host)); }

    std::vector<std::string> m_names;
};

TEST_F(HostsTest, Train_OnTwoHosts_RollsOutAsOnOneRank)
{
    ASSERT_EQ(train(m_folder / "one", 1, { "run.steps=1" }), 0) << output();
    const fs::path run = m_folder / "two";
    const auto first = startHost(run, 0, { "run.steps=1" });
    const auto second = startHost(run, 1, { "run.steps=1" });
    EXPECT_EQ(first->wait(), 0) << outputOf(0);
    EXPECT_EQ(second->wait(), 0) << outputOf(1);
    EXPECT_EQ(rolloutsOf(run, 1), rolloutsOf(m_folder / "one", 1));
    expectGone(run);
}

TEST_F(HostsTest, Network_Cut_EndsBothHostsAndResumeGoesOn)
{
    const fs::path run = m_folder / "run";
    const auto first = startHost(run, 0, { "run.steps=400" });
    const auto second = startHost(run, 1, { "run.steps=400" });
    ASSERT_TRUE(waitUntil([&] { return fs::exists(run / "checkpoints" / "step_000002"); })) << outputOf(0) << outputOf(1);
    ASSERT_EQ(shell(concat("ip -n ", m_names[0], " link set ", m_names[0], " down")), 0);
    EXPECT_EQ(first->wait(), 1) << outputOf(0);
    EXPECT_EQ(second->wait(), 1) << outputOf(1);
    EXPECT_EQ(record(run).outcome, launch::Outcome::Failed);
    EXPECT_THAT(record(run).reason, AllOf(HasSubstr("host 1"), HasSubstr("gave no sign of life for 4 s")));
    EXPECT_THAT(outputOf(1), AllOf(HasSubstr("host 0"), HasSubstr("gave no sign of life for 4 s")));
    expectGone(run);
    const std::int64_t reached = lastStep(run);
    ASSERT_EQ(train(run, 1, { concat("run.steps=", reached + 1) }), 0) << output();
}

TEST_F(HostsTest, Rank_KilledOnTheOtherHost_IsNamedOnBoth)
{
    const fs::path run = m_folder / "run";
    const auto first = startHost(run, 0, { "run.steps=400" });
    const auto second = startHost(run, 1, { "run.steps=400" });
    ASSERT_TRUE(waitUntil([&] { return fs::exists(run / "checkpoints" / "step_000002"); })) << outputOf(0) << outputOf(1);
    ::kill(static_cast<pid_t>(beatOf(run, 1)->pid), SIGKILL);
    EXPECT_EQ(first->wait(), 1);
    EXPECT_EQ(second->wait(), 1);
    EXPECT_EQ(record(run).rank, 1) << record(run).reason;
    EXPECT_THAT(outputOf(0), HasSubstr("rank 1 on "));
    EXPECT_THAT(outputOf(1), HasSubstr("signal 9"));
    expectGone(run);
}

TEST_F(HostsTest, Hosts_WithOtherConfigurations_AreRefusedOnBoth)
{
    const fs::path run = m_folder / "run";
    const auto first = startHost(run, 0, { "run.seed=1" });
    const auto second = startHost(run, 1, { "run.seed=2" });
    EXPECT_NE(first->wait(), 0);
    EXPECT_NE(second->wait(), 0);
    EXPECT_THAT(outputOf(0), HasSubstr("the hosts differ in the configuration"));
    EXPECT_THAT(outputOf(1), HasSubstr("the hosts differ in the configuration"));
    expectGone(run);
}

// The tasks of srun and mpirun, by their variables.
TEST_F(DistributedTest, Train_AsTasksOfOpenMpi_MeetsAtRankZero)
{
    const fs::path run = m_folder / "run";
    std::vector<std::unique_ptr<Child>> tasks;
    for (int rank = 0; rank < 2; ++rank)
        tasks.push_back(std::make_unique<Child>(words(run, 1, { "run.steps=2" }), m_folder / concat("task", rank),
            std::vector<std::string> { "OMPI_COMM_WORLD_SIZE=2", concat("OMPI_COMM_WORLD_RANK=", rank), concat("OMPI_COMM_WORLD_LOCAL_RANK=", rank),
                "OMPI_COMM_WORLD_LOCAL_SIZE=2", "MASTER_PORT=29512" }));
    for (int rank = 0; rank < 2; ++rank)
        EXPECT_EQ(tasks[static_cast<std::size_t>(rank)]->wait(), 0) << test::read(m_folder / concat("task", rank));
    EXPECT_EQ(lastStep(run), 2);
    EXPECT_EQ(beats(run).size(), 2U);
    expectGone(run);
}

TEST_F(DistributedTest, Train_TasksWithOtherConfigurations_AreRefusedOnBoth)
{
    const fs::path run = m_folder / "run";
    std::vector<std::unique_ptr<Child>> tasks;
    for (int rank = 0; rank < 2; ++rank)
        tasks.push_back(std::make_unique<Child>(words(run, 1, { concat("run.seed=", rank) }), m_folder / concat("task", rank),
            std::vector<std::string> { "SLURM_STEP_ID=0", "SLURM_STEP_NUM_TASKS=2", concat("SLURM_PROCID=", rank), concat("SLURM_LOCALID=", rank),
                "MASTER_PORT=29513" }));
    for (int rank = 0; rank < 2; ++rank) {
        EXPECT_NE(tasks[static_cast<std::size_t>(rank)]->wait(), 0);
        EXPECT_THAT(test::read(m_folder / concat("task", rank)), HasSubstr("the ranks differ in the configuration"));
    }
}

TEST_F(DistributedTest, Train_UnderTorchrun_UsesTheAgentsStore)
{
    const char* torchrun = std::getenv("MIDPOINT_TORCHRUN"); // a machine of users has it in PATH; the build does not need it
    const std::string program = torchrun != nullptr ? torchrun : "torchrun";
    if (Child({ "sh", "-c", concat("command -v ", program) }, m_folder / "output").wait() != 0)
        GTEST_SKIP() << "there is no torchrun here (MIDPOINT_TORCHRUN names one)";
    const fs::path run = m_folder / "run";
    std::vector<std::string> all = { program, "--no-python", "--nproc-per-node", "2", "--master-port", "29514" };
    std::vector<std::string> train = words(run, 1, { "run.steps=2" });
    const auto count = std::find(train.begin(), train.end(), "--nproc"); // torchrun takes it for its own, and has set it
    train.erase(count, count + 2);
    all.insert(all.end(), train.begin(), train.end());
    ASSERT_EQ(Child(all, m_folder / "output").wait(), 0) << output();
    EXPECT_EQ(lastStep(run), 2);
    EXPECT_EQ(beats(run).size(), 2U);
    expectGone(run);
}

TEST_F(DistributedTest, WrongUse_OfHostsAndDevices_IsSaidAtOnce)
{
    EXPECT_EQ(train(m_folder / "run", 2, { "--nnodes", "2" }), 2);
    EXPECT_THAT(output(), HasSubstr("--master: expected HOST:PORT"));
    EXPECT_EQ(train(m_folder / "run", 2, { "--node-rank", "1" }), 2);
    EXPECT_THAT(output(), HasSubstr("--node-rank"));
    EXPECT_EQ(train(m_folder / "run", 3, { "run.devices=[\"cpu\", \"cpu\"]" }), 2);
    EXPECT_THAT(output(), HasSubstr("--nproc: expected the 2 devices"));
    EXPECT_FALSE(fs::exists(m_folder / "run"));
}
