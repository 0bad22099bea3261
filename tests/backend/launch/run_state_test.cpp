#include "backend/launch/commands.h"
#include "backend/launch/run_state.h"
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>

namespace midpoint::launch {
namespace {

ExitRecord ended(Outcome outcome, std::int64_t code = 0, std::int64_t signal = 0, std::int64_t rank = -1, const char* reason = "")
{
    ExitRecord record;
    record.outcome = outcome;
    record.code = code;
    record.signal = signal;
    record.rank = rank;
    record.reason = reason;
    record.lastStep = 7;
    return record;
}

struct Case {
    const char* name;
    LockFact lock;
    bool wasStarted;
    bool isPauseRequested;
    std::vector<HeartbeatFact> heartbeats;
    std::optional<ExitRecord> exit;
    const char* expected;
};

TEST(DeriveState, Table)
{
    const auto held = LockFact::Held;
    const auto free = LockFact::Free;
    const auto other = LockFact::OtherHost;
    const std::vector<Case> cases {
        { "never started", free, false, false, {}, {}, "QUEUED" },
        { "lock, no heartbeat yet", held, true, false, {}, {}, "STARTING" },
        { "loading", held, true, false, { { 0, 1, "starting" } }, {}, "STARTING" },
        { "one rank still loading", held, true, false, { { 0, 1, "starting" }, { 1, 1, "generate" } }, {}, "RUNNING" },
        { "training", held, true, false, { { 0, 1, "generate" } }, {}, "RUNNING" },
        { "training with an old exit record", held, true, false, { { 0, 1, "update" } }, ended(Outcome::Failed, 1), "RUNNING" },
        { "asked to pause", held, true, true, { { 0, 1, "update" } }, {}, "PAUSING" },
        { "paused", held, true, false, { { 0, 1, "paused" }, { 1, 2, "paused" } }, {}, "PAUSED" },
        { "paused, and asked again", held, true, true, { { 0, 1, "paused" } }, {}, "PAUSED" },
        { "one rank paused, one not", held, true, true, { { 0, 1, "paused" }, { 1, 1, "update" } }, {}, "PAUSING" },
        { "just in time", held, true, false, { { 0, 30, "update" } }, {}, "RUNNING" },
        { "late", held, true, false, { { 0, 31, "update" } }, {}, "NO HEARTBEAT (rank 0 gave no sign of life for 31 s, last in update)" },
        { "one of two late", held, true, false, { { 0, 1, "update" }, { 1, 45, "wait" } }, {},
          "NO HEARTBEAT (rank 1 gave no sign of life for 45 s, last in wait)" },
        { "late while loading", held, true, false, { { 0, 90, "starting" } }, {}, "NO HEARTBEAT (rank 0 gave no sign of life for 90 s, last in starting)" },
        { "finished", free, true, false, { { 0, 100, "finished" } }, ended(Outcome::Finished), "FINISHED" },
        { "stopped", free, true, false, {}, ended(Outcome::Stopped), "STOPPED (after step 7)" },
        { "failed with a code", free, true, false, {}, ended(Outcome::Failed, 3, 0, 0, "no memory"), "FAILED (rank 0, exit code 3: no memory)" },
        { "failed by a signal", free, true, false, {}, ended(Outcome::Failed, 137, 9, 1), "FAILED (rank 1, signal 9)" },
        { "failed by a signal, and nothing else is known", free, true, false, {}, ended(Outcome::Failed, 137, 9, 1, "signal 9 (Killed) at step 3"),
          "FAILED (rank 1: signal 9 (Killed) at step 3)" },
        { "failed by a signal after words", free, true, false, {}, ended(Outcome::Failed, 134, 6, 1, "no memory"), "FAILED (rank 1, signal 6: no memory)" },
        { "failed before any rank", free, true, false, {}, ended(Outcome::Failed, 1, 0, -1, "no port"), "FAILED (exit code 1: no port)" },
        { "gone", free, true, false, { { 0, 5, "update" } }, {}, "LOST (the process is gone and left no exit record)" },
        { "gone long ago", free, true, false, {}, {}, "LOST (the process is gone and left no exit record)" },
        { "on another host, alive", other, true, false, { { 0, 3, "update" } }, {}, "RUNNING" },
        { "on another host, silent", other, true, false, { { 0, 300, "update" } }, {}, "LOST (the process is gone and left no exit record)" },
        { "on another host, ended", other, true, false, { { 0, 3, "update" } }, ended(Outcome::Finished), "FINISHED" },
    };
    for (const Case& item : cases) {
        Facts facts;
        facts.lock = item.lock;
        facts.wasStarted = item.wasStarted;
        facts.isPauseRequested = item.isPauseRequested;
        facts.heartbeats = item.heartbeats;
        facts.exit = item.exit;
        EXPECT_EQ(describe(deriveState(facts)), item.expected) << item.name;
    }
}

TEST(DeriveState, ActiveStates_AreThoseWithAProcess)
{
    for (const auto kind : { RunStateKind::Starting, RunStateKind::Running, RunStateKind::Pausing, RunStateKind::Paused, RunStateKind::NoHeartbeat })
        EXPECT_TRUE(isActive(kind)) << wordFor(kind);
    for (const auto kind : { RunStateKind::Queued, RunStateKind::Finished, RunStateKind::Stopped, RunStateKind::Failed, RunStateKind::Lost })
        EXPECT_FALSE(isActive(kind)) << wordFor(kind);
}

TEST(ObserveState, FolderWithConfigAlone_IsQueued)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    test::write(folder.config(), "");
    EXPECT_EQ(observeState(folder).kind, RunStateKind::Queued);
}

TEST(ObserveState, LockTakenAndLetGo_FollowsTheFacts)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    {
        const RunLock lock = RunLock::acquire(folder);
        EXPECT_EQ(observeState(folder).kind, RunStateKind::Starting);
        HeartbeatWriter heart(folder, 0);
        heart.setPhase(1, "generate");
        EXPECT_EQ(observeState(folder).kind, RunStateKind::Running);
        Command pause;
        sendCommand(folder, pause);
        EXPECT_EQ(observeState(folder).kind, RunStateKind::Pausing);
        heart.setPhase(1, kPhasePaused);
        EXPECT_EQ(observeState(folder).kind, RunStateKind::Paused);
    }
    EXPECT_EQ(observeState(folder).kind, RunStateKind::Lost);
    writeExitRecord(folder, ended(Outcome::Finished));
    EXPECT_EQ(observeState(folder).kind, RunStateKind::Finished);
    test::write(folder.exitRecord(), "{ half");
    EXPECT_EQ(observeState(folder).kind, RunStateKind::Lost);
}

} // namespace
} // namespace midpoint::launch
