#include "backend/launch/heartbeat.h"
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace midpoint::launch {
namespace {

TEST(Heartbeat, WriterAndReader_Agree)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    HeartbeatWriter first(folder, 0);
    HeartbeatWriter second(folder, 1);
    auto beats = readHeartbeats(folder);
    ASSERT_EQ(beats.size(), 2u);
    EXPECT_EQ(beats[0].phase, kPhaseStarting);
    EXPECT_EQ(beats[1].rank, 1);
    EXPECT_EQ(beats[0].pid, ::getpid());
    EXPECT_EQ(beats[0].lastStep, -1);

    first.setLastStep(6);
    first.setPhase(7, "generate");
    second.fail("no memory", 2);
    beats = readHeartbeats(folder);
    EXPECT_EQ(beats[0].step, 7);
    EXPECT_EQ(beats[0].lastStep, 6);
    EXPECT_EQ(beats[0].phase, "generate");
    EXPECT_EQ(beats[0].outcome, std::nullopt);
    EXPECT_EQ(beats[1].outcome, Outcome::Failed);
    EXPECT_EQ(beats[1].reason, "no memory");
    EXPECT_EQ(beats[1].code, 2);
    removeHeartbeats(folder);
    EXPECT_TRUE(readHeartbeats(folder).empty());
}

TEST(Heartbeat, Operation_IsNamedWhileItLastsAndItsNumberStays)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    HeartbeatWriter heart(folder, 0);
    EXPECT_EQ(readHeartbeats(folder).at(0).sequence, -1);
    heart.beginOperation("all-reduce gradients", 118);
    heart.setPhase(4, kPhasePaused); // written at once, and so is what follows it
    Heartbeat beat = readHeartbeats(folder).at(0);
    EXPECT_EQ(beat.operation, "all-reduce gradients");
    EXPECT_EQ(beat.sequence, 118);
    EXPECT_GT(beat.operationSinceMs, 0);
    heart.endOperation();
    heart.setPhase(5, "generate");
    beat = readHeartbeats(folder).at(0);
    EXPECT_EQ(beat.operation, "");
    EXPECT_EQ(beat.sequence, 118);
}

TEST(Heartbeat, ThreadBeatsByItself)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    const HeartbeatWriter heart(folder, 0, { .intervalSeconds = 0.01, .clock = nullptr });
    const std::int64_t first = readHeartbeats(folder).at(0).wallMs;
    const double deadline = systemClock().steadySeconds() + 30.0;
    while (readHeartbeats(folder).at(0).wallMs == first && systemClock().steadySeconds() < deadline)
        systemClock().sleepFor(0.01);
    EXPECT_GT(readHeartbeats(folder).at(0).wallMs, first);
}

TEST(Heartbeat, ForeignFiles_AreLeftOut)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    test::write(folder.heartbeats() / "x.0", "{ half");
    test::write(folder.heartbeats() / "y.0", R"({"host": 4})");
    EXPECT_TRUE(readHeartbeats(folder).empty());
}

TEST(Heartbeat, FolderThatVanishes_DoesNotDisturbTheRank)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    HeartbeatWriter heart(folder, 0);
    std::filesystem::remove_all(folder.heartbeats());
    heart.setPhase(1, "generate");
    heart.finish(Outcome::Finished, "");
    EXPECT_TRUE(readHeartbeats(folder).empty());
}

} // namespace
} // namespace midpoint::launch
