// The supervisor with real processes: how runs end, who dies with whom, what is recorded. Waits are for conditions, with a deadline.
#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/log.h"
#include "backend/core/text.h"
#include "backend/launch/heartbeat.h"
#include "backend/launch/run_state.h"
#include "backend/launch/supervisor.h"
#include "tests/support/fixtures.h"

#include <csignal>
#include <cstdlib>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace midpoint::launch {
namespace {

using testing::HasSubstr;

std::string program(const char* name)
{
    return (executablePath().parent_path() / name).string();
}

bool waitUntil(const std::function<bool()>& condition)
{
    constexpr double kDeadlineSeconds = 30.0;
    const double deadline = systemClock().steadySeconds() + kDeadlineSeconds;
    while (!condition()) {
        if (systemClock().steadySeconds() > deadline)
            return false;
        systemClock().sleepFor(0.01);
    }
    return true;
}

pid_t pidIn(const std::filesystem::path& file)
{
    std::error_code ignored;
    return std::filesystem::exists(file, ignored) ? std::atoi(test::read(file).c_str()) : 0;
}

bool isAlive(pid_t pid)
{
    if (pid <= 0 || ::kill(pid, 0) != 0)
        return false;
    // A process that nobody has reaped yet is dead all the same.
    const std::string stat = test::read("/proc/" + std::to_string(pid) + "/stat");
    const std::size_t end = stat.rfind(')');
    return end != std::string::npos && end + 2 < stat.size() && stat[end + 2] != 'Z' && stat[end + 2] != 'X';
}

class SupervisorTest : public testing::Test {
protected:
    ~SupervisorTest() override
    {
        for (const pid_t pid : m_started)
            if (::waitpid(pid, nullptr, WNOHANG) == 0) {
                ::kill(pid, SIGKILL);
                ::waitpid(pid, nullptr, 0);
            }
    }

    // `midpoint train` as a process of its own.
    pid_t start(const char* behaviour, int ranks = 1, const char* stopGrace = "20", const char* killGrace = "5")
    {
        const std::string train = program("midpoint_fake_train");
        const std::string rank = program("midpoint_fake_rank");
        const std::string folder = run().string();
        const std::string count = std::to_string(ranks);
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::execl(train.c_str(), train.c_str(), folder.c_str(), count.c_str(), stopGrace, killGrace, rank.c_str(), behaviour, nullptr);
            ::_exit(127);
        }
        m_started.push_back(pid);
        return pid;
    }

    bool waitReady(int ranks = 1) const
    {
        return waitUntil([&] {
            for (int rank = 0; rank < ranks; ++rank)
                if (rankPid(rank) == 0)
                    return false;
            return true;
        });
    }

    static int exitCodeOf(pid_t pid)
    {
        int status = 0;
        ::waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

    std::filesystem::path run() const { return m_folder / "run"; }
    RunFolder folder() const { return RunFolder::open(run()); }
    pid_t rankPid(int rank) const { return pidIn(run() / ("ready." + std::to_string(rank))); }
    ExitRecord record() const { return readExitRecord(folder()).value(); }
    std::string state() const { return describe(observeState(folder())); }

    test::TemporaryFolder m_folder;
    std::vector<pid_t> m_started;
};

TEST_F(SupervisorTest, RunThatFinishes_IsRecordedWithItsLastStep)
{
    EXPECT_EQ(exitCodeOf(start("finish")), 0);
    EXPECT_EQ(record().outcome, Outcome::Finished);
    EXPECT_EQ(record().lastStep, 3);
    EXPECT_EQ(record().reason, "all steps done");
    EXPECT_EQ(state(), "FINISHED");
    EXPECT_EQ(test::read(run() / "config.toml"), "[run]\nsteps = 3\n");
    // The log holds whole lines, and of a redrawn line its last form.
    EXPECT_EQ(test::read(run() / "log" / "rank0.log"), "rank 0 of 1 ready\nstep 3\n");
}

TEST_F(SupervisorTest, ProgressOfRankZero_IsPassedOn)
{
    SupervisorOptions options;
    options.runFolder = run();
    options.ranks = 2;
    options.rankCommand = { program("midpoint_fake_rank"), "finish" };
    std::string shown;
    options.onProgress = [&](std::string_view bytes) { shown += bytes; };
    const auto log = makeNullSink();
    EXPECT_EQ(supervise(options, *log).outcome, Outcome::Finished);
    EXPECT_EQ(shown, "rank 0 of 2 ready\nstep 1\rstep 2\rstep 3\n");
    EXPECT_THAT(test::read(run() / "log" / "rank1.log"), HasSubstr("rank 1 of 2 ready"));
}

TEST_F(SupervisorTest, RankThatFails_IsNamedWithItsLastWords)
{
    EXPECT_EQ(exitCodeOf(start("fail")), 1);
    EXPECT_EQ(record().outcome, Outcome::Failed);
    EXPECT_EQ(record().code, 3);
    EXPECT_EQ(record().rank, 0);
    EXPECT_EQ(record().reason, "the last line says why");
    EXPECT_EQ(state(), "FAILED (rank 0, exit code 3: the last line says why)");
}

class RecordingSink final : public LogSink {
public:
    void write(LogLevel level, std::string_view message) override { lines.push_back(concat(level == LogLevel::Warning ? "W " : "", message)); }
    std::vector<std::string> lines;
};

TEST_F(SupervisorTest, StartThatFails_SaysWhyAndLeavesNoFolderOfItsOwn)
{
    SupervisorOptions options;
    options.runFolder = run();
    options.rankCommand = { program("midpoint_fake_rank"), "fail-at-once" };
    RecordingSink log;
    const ExitRecord made = supervise(options, log);
    EXPECT_EQ(made.outcome, Outcome::Failed);
    EXPECT_EQ(made.reason, "no data");
    EXPECT_THAT(log.lines, testing::Contains("W the data look odd"));
    EXPECT_FALSE(std::filesystem::exists(run()));

    std::filesystem::create_directories(run()); // a folder that was there stays, with the reason in it
    EXPECT_EQ(supervise(options, log).outcome, Outcome::Failed);
    EXPECT_EQ(record().reason, "no data");
}

TEST_F(SupervisorTest, OneRankFails_TheOthersAreKilled)
{
    EXPECT_EQ(exitCodeOf(start("fail-if-1", 3)), 1);
    EXPECT_EQ(record().rank, 1);
    for (int rank = 0; rank < 3; ++rank)
        EXPECT_FALSE(isAlive(rankPid(rank))) << rank;
}

TEST_F(SupervisorTest, OneRankFinishesFirst_TheOthersAreWaitedFor)
{
    EXPECT_EQ(exitCodeOf(start("finish-if-0", 2)), 0);
    EXPECT_EQ(record().outcome, Outcome::Finished);
}

TEST_F(SupervisorTest, RankKilled_StateIsFailedWithTheSignal)
{
    const pid_t train = start("wait", 2);
    ASSERT_TRUE(waitReady(2));
    EXPECT_TRUE(waitUntil([&] { return state() == "RUNNING"; })) << state();
    ::kill(rankPid(1), SIGKILL);
    EXPECT_EQ(exitCodeOf(train), 1);
    EXPECT_EQ(record().signal, SIGKILL);
    EXPECT_EQ(record().code, 137);
    EXPECT_EQ(record().rank, 1);
    EXPECT_EQ(record().lastStep, 2);
    EXPECT_THAT(state(), HasSubstr("FAILED (rank 1: signal 9"));
    EXPECT_FALSE(isAlive(rankPid(0)));
}

TEST_F(SupervisorTest, RankThatHangs_IsNamedWithItsPlaceAndAllEnd)
{
    const pid_t train = start("wait", 2);
    ASSERT_TRUE(waitReady(2));
    EXPECT_TRUE(waitUntil([&] { return state() == "RUNNING"; })) << state();
    ::kill(rankPid(1), SIGSTOP);
    EXPECT_EQ(exitCodeOf(train), 1);
    EXPECT_EQ(record().rank, 1);
    EXPECT_EQ(record().host, hostName());
    EXPECT_EQ(record().step, 3);
    EXPECT_EQ(record().phase, "generate");
    EXPECT_THAT(record().reason, HasSubstr("gave no sign of life for 2 s, last at step 3, in generate; its process is stopped"));
    for (int rank = 0; rank < 2; ++rank)
        EXPECT_FALSE(isAlive(rankPid(rank))) << rank;
}

// As on a machine that is halted for a while: all stand still, and the supervisor is the first to go on.
TEST_F(SupervisorTest, TimeInWhichTheSupervisorStoodStill_IsNoSilence)
{
    constexpr double kUntilItsLastBeatIsRead = 0.3;
    constexpr double kLongerThanThePatience = 3.0;
    constexpr double kShorterThanThePatience = 0.7;
    const pid_t train = start("wait");
    ASSERT_TRUE(waitReady());
    EXPECT_TRUE(waitUntil([&] { return state() == "RUNNING"; })) << state();
    ::kill(rankPid(0), SIGSTOP);
    systemClock().sleepFor(kUntilItsLastBeatIsRead);
    ::kill(train, SIGSTOP);
    systemClock().sleepFor(kLongerThanThePatience);
    ::kill(train, SIGCONT);
    systemClock().sleepFor(kShorterThanThePatience);
    ::kill(rankPid(0), SIGCONT);
    ::kill(train, SIGTERM);
    EXPECT_EQ(exitCodeOf(train), 0);
    EXPECT_THAT(state(), HasSubstr("STOPPED"));
}

TEST_F(SupervisorTest, SupervisorKilled_RanksDieAndTheStateIsLost)
{
    const pid_t train = start("wait", 2);
    ASSERT_TRUE(waitReady(2));
    ::kill(train, SIGKILL);
    exitCodeOf(train);
    EXPECT_TRUE(waitUntil([&] { return !isAlive(rankPid(0)) && !isAlive(rankPid(1)); }));
    EXPECT_FALSE(std::filesystem::exists(run() / "exit.json"));
    EXPECT_THAT(state(), HasSubstr("LOST"));
    // and the run can be started again
    std::filesystem::remove(run() / "ready.0");
    EXPECT_EQ(exitCodeOf(start("finish")), 0);
    EXPECT_EQ(state(), "FINISHED");
}

TEST_F(SupervisorTest, FirstSignal_StopsCleanly)
{
    for (const int signal : { SIGTERM, SIGINT }) {
        const pid_t train = start("wait", 2);
        ASSERT_TRUE(waitReady(2));
        ::kill(train, signal);
        EXPECT_EQ(exitCodeOf(train), 0);
        EXPECT_EQ(record().outcome, Outcome::Stopped);
        EXPECT_EQ(record().reason, "stopped on request");
        EXPECT_EQ(state(), "STOPPED (after step 2)");
        std::filesystem::remove(run() / "ready.0");
        std::filesystem::remove(run() / "ready.1");
    }
}

TEST_F(SupervisorTest, SecondSignal_StopsAtOnce)
{
    const pid_t train = start("deaf", 1, "1000", "0");
    ASSERT_TRUE(waitReady());
    const pid_t rank = rankPid(0);
    ::kill(train, SIGTERM);
    ::kill(train, SIGINT); // another number: equal pending signals are delivered as one
    EXPECT_EQ(exitCodeOf(train), 0);
    EXPECT_EQ(record().outcome, Outcome::Stopped);
    EXPECT_THAT(record().reason, HasSubstr("at once"));
    EXPECT_FALSE(isAlive(rank));
}

TEST_F(SupervisorTest, RankThatDoesNotStop_IsKilledAfterTheGrace)
{
    const pid_t train = start("deaf", 1, "0.2");
    ASSERT_TRUE(waitReady());
    ::kill(train, SIGTERM);
    EXPECT_EQ(exitCodeOf(train), 1);
    EXPECT_EQ(record().outcome, Outcome::Failed);
    EXPECT_EQ(record().signal, SIGKILL);
    EXPECT_THAT(record().reason, HasSubstr("did not stop within 0.2 s"));
}

TEST_F(SupervisorTest, ProcessesThatARankStarted_EndWithIt)
{
    const pid_t train = start("child");
    ASSERT_TRUE(waitReady());
    ASSERT_TRUE(waitUntil([&] { return pidIn(run() / "ready.child") != 0; }));
    const pid_t child = pidIn(run() / "ready.child");
    EXPECT_TRUE(isAlive(child));
    ::kill(train, SIGTERM);
    EXPECT_EQ(exitCodeOf(train), 0);
    EXPECT_TRUE(waitUntil([&] { return !isAlive(child); }));
}

TEST_F(SupervisorTest, RunInUse_IsRefusedNamingTheHolder)
{
    const pid_t train = start("wait");
    ASSERT_TRUE(waitReady());
    SupervisorOptions options;
    options.runFolder = run();
    options.rankCommand = { program("midpoint_fake_rank"), "finish" };
    const auto log = makeNullSink();
    try {
        supervise(options, *log);
        ADD_FAILURE() << "the run was started twice";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Resource);
        EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("run.lock"), HasSubstr("process " + std::to_string(train))));
    }
    EXPECT_TRUE(isAlive(rankPid(0))); // the first one goes on
    ::kill(train, SIGTERM);
    EXPECT_EQ(exitCodeOf(train), 0);
}

TEST_F(SupervisorTest, ProgramThatIsMissing_IsAnErrorAndRecorded)
{
    SupervisorOptions options;
    options.runFolder = run();
    options.rankCommand = { "/nonexistent/program" };
    const auto log = makeNullSink();
    EXPECT_THROW(supervise(options, *log), Error);
    EXPECT_EQ(record().outcome, Outcome::Failed);
    EXPECT_THAT(record().reason, HasSubstr("/nonexistent/program"));
    EXPECT_EQ(lockHolder(folder()), std::nullopt);
}

TEST_F(SupervisorTest, Detached_RunsInASessionOfItsOwn)
{
    RunFolder::create(run());
    ::setenv("MIDPOINT_RUN", run().c_str(), 1);
    const auto pid = static_cast<pid_t>(startDetached({ program("midpoint_fake_rank"), "wait" }, run() / "log" / "start.log"));
    ASSERT_TRUE(waitReady());
    EXPECT_EQ(rankPid(0), pid);
    EXPECT_NE(::getsid(pid), ::getsid(0));
    EXPECT_NE(::waitpid(pid, nullptr, WNOHANG), 0); // it is no child of this process
    ::kill(pid, SIGTERM);
    EXPECT_TRUE(waitUntil([&] { return !isAlive(pid); }));
    EXPECT_THAT(test::read(run() / "log" / "start.log"), HasSubstr("ready"));
    ::unsetenv("MIDPOINT_RUN");
    EXPECT_THROW(startDetached({ "/nonexistent/program" }, run() / "log" / "start.log"), Error);
}

} // namespace
} // namespace midpoint::launch
