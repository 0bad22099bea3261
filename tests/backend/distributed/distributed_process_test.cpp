// Runs on several ranks: the same choices and rollouts as on one, faults of every kind, and going on with another number of ranks.
#include "tests/backend/distributed/distributed_run.h"

namespace fs = std::filesystem;
using namespace midpoint;
using namespace midpoint::test;
using testing::AllOf;
using testing::HasSubstr;

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
    std::vector<std::string> environment = {};
};
const std::vector<std::string> kOverSockets = { "MIDPOINT_SHARED_MEMORY=0" };
void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

class FaultTest : public DistributedTest, public testing::WithParamInterface<Fault> {};

TEST_P(FaultTest, Train_RankIsHit_IsNamedEverythingEndsAndResumeGoesOn)
{
    const Fault& fault = GetParam();
    const fs::path run = m_folder / "run";
    // Long enough to be hit after the first checkpoint; beats come every 0.8 s, but short phases are found too.
    Child child(words(run, 2, { "run.steps=400" }), m_folder / "output", fault.environment);
    ASSERT_TRUE(waitUntil([&] { return fs::exists(run / "checkpoints" / "step_000002"); })) << output();
    EXPECT_THAT(output(), HasSubstr(fault.environment.empty() ? "2 ranks, through shared memory" : "2 ranks, through Gloo"));
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
        Fault { "stopped", 1, SIGSTOP, "", "gave no sign of life for 4 s" }, Fault { "firstKilled", 0, SIGKILL, "", "signal 9" },
        Fault { "killedInUpdateOverSockets", 1, SIGKILL, "update", "signal 9", kOverSockets },
        Fault { "stoppedOverSockets", 1, SIGSTOP, "", "gave no sign of life for 4 s", kOverSockets }),
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

// As on a network file system: databases on rank 0's own disk, copies of them in the run folder.
TEST_F(DistributedTest, LocalDatabases_LostWithTheirHost_AreTakenFromThePublishedOnes)
{
    const fs::path run = m_folder / "run";
    const std::vector<std::string> scratch { concat("MIDPOINT_SCRATCH=", (m_folder / "scratch").string()) };
    {
        Child child(words(run, 2, { "run.steps=400" }), m_folder / "output", scratch);
        ASSERT_TRUE(waitUntil([&] { return fs::exists(run / "checkpoints" / "step_000002"); })) << output();
        EXPECT_FALSE(fs::exists(run / "run.db-wal")) << "nothing is written in place";
        child.kill(SIGKILL);
        child.wait();
        expectGone(run);
    }
    const std::int64_t published = store::RunReader(run).progress().lastStep.value();
    EXPECT_GE(published, 2) << "at least to the checkpoint";
    fs::remove_all(m_folder / "scratch"); // another host goes on
    ASSERT_EQ(Child(words(run, 1, { concat("run.steps=", published + 1) }), m_folder / "output", scratch).wait(), 0) << output();
    EXPECT_EQ(store::RunReader(run).progress().lastStep, published + 1);
    EXPECT_EQ(lastStep(run), published + 1);
    EXPECT_FALSE(rolloutsOf(run, published + 1).empty());
    for (const fs::directory_entry& entry : fs::directory_iterator(m_folder / "scratch"))
        EXPECT_TRUE(fs::is_empty(entry.path())) << entry.path();
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
