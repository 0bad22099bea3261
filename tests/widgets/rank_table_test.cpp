// SPDX-License-Identifier: GPL-3.0-or-later
// Who waits for whom, from heartbeats as several ranks write them.
#include "widgets/viewmodels/rank_table.h"

#include <gtest/gtest.h>

namespace midpoint::gui {
namespace {

constexpr std::int64_t kNow = 1'000'000;

launch::Heartbeat beatOf(std::int64_t rank, const char* phase, const char* operation, std::int64_t sequence, double secondsAgo = 1.0)
{
    launch::Heartbeat beat;
    beat.host = rank < 2 ? "a" : "b";
    beat.rank = rank;
    beat.pid = 100 + rank;
    beat.wallMs = kNow - static_cast<std::int64_t>(secondsAgo * 1000.0);
    beat.step = 12;
    beat.phase = phase;
    beat.phaseSinceMs = kNow - 20'000;
    beat.operation = operation;
    beat.sequence = sequence;
    beat.operationSinceMs = kNow - 9'000;
    return beat;
}

RankInputs fourRanks()
{
    return { {}, { beatOf(0, "update", "all-reduce gradients", 118), beatOf(1, "update", "all-reduce gradients", 118), beatOf(2, "generate", "", 117), beatOf(3, "update", "all-reduce gradients", 118) }, {}, kNow, true };
}

TEST(RankTable, RanksInACollective_WaitForTheOneThatHasNotReachedIt)
{
    const auto rows = rankRows(fourRanks());
    ASSERT_EQ(rows.size(), 4u);
    EXPECT_EQ(rows[0].waitsForRank, 2);
    EXPECT_EQ(rows[1].waitsForRank, 2);
    EXPECT_TRUE(rows[2].isAwaited);
    EXPECT_EQ(rows[2].waitsForRank, -1);
    EXPECT_EQ(rows[3].waitsForRank, 2);
    EXPECT_EQ(rows[3].record.host, "b");
    EXPECT_EQ(rankVerdict(rows).toStdString(), "Ranks 0, 1 and 3 wait in all-reduce gradients (number 118) for rank 2, which is in generate of step 12, since 20 s.");
}

TEST(RankTable, RankThatIsSeveralCollectivesBack_IsTheOneToLookAt)
{
    RankInputs inputs = fourRanks();
    inputs.beats[1] = beatOf(1, "update", "broadcast weights", 110); // in an older collective than rank 2 has passed
    const auto rows = rankRows(inputs);
    EXPECT_TRUE(rows[1].isAwaited);
    EXPECT_EQ(rows[0].waitsForRank, 1);
    EXPECT_EQ(rows[2].waitsForRank, -1) << "it works, it does not wait";
}

TEST(RankTable, CollectiveThatJustBegan_AccusesNobody)
{
    RankInputs inputs = fourRanks();
    for (launch::Heartbeat& beat : inputs.beats)
        beat.operationSinceMs = kNow - 500; // beats are further apart than that
    for (const RankRow& row : rankRows(inputs))
        EXPECT_EQ(row.waitsForRank, -1);
    EXPECT_TRUE(rankVerdict(rankRows(inputs)).isEmpty()) << "without phases nothing is known";
    for (std::int64_t rank = 0; rank < 4; ++rank)
        inputs.phases.push_back({ rank, "generate", 0, 2.0, 12 });
    EXPECT_EQ(rankVerdict(rankRows(inputs)).toStdString(), "No rank held up the others in the last step.");
    inputs.phases.resize(1);
    EXPECT_EQ(rankVerdict(rankRows(inputs)).toStdString(), "Phases of the steps are recorded of rank 0 only.");
}

TEST(RankTable, SilentRank_ComesFirst_AndOnlyWhileTheRunGoesOn)
{
    RankInputs inputs = fourRanks();
    inputs.beats[3].wallMs = kNow - 45'000;
    EXPECT_EQ(rankVerdict(rankRows(inputs)).toStdString(), "Rank 3 on b has given no sign of life for 45 s; its last one came from update of step 12.");
    inputs.isActive = false;
    EXPECT_FALSE(rankRows(inputs)[3].isLate);
    EXPECT_EQ(rankRows(inputs)[0].waitsForRank, -1);
}

TEST(RankTable, RankThatHasEnded_IsNeitherLateNorAwaited)
{
    RankInputs inputs = fourRanks();
    inputs.beats[2].outcome = launch::Outcome::Failed;
    inputs.beats[2].wallMs = kNow - 100'000;
    const auto rows = rankRows(inputs);
    EXPECT_FALSE(rows[2].isLate);
    EXPECT_FALSE(rows[2].isAwaited);
}

TEST(RankTable, RankThatFailed_ComesFirst_AndNotThoseThatLostIt)
{
    RankInputs inputs = fourRanks();
    inputs.isActive = false;
    for (launch::Heartbeat& beat : inputs.beats) {
        beat.outcome = launch::Outcome::Failed;
        beat.lostPeer = beat.rank != 2;
        beat.reason = beat.rank == 2 ? "signal 9 (Killed) at step 12, in generate" : "lost the other ranks";
    }
    EXPECT_EQ(rankVerdict(rankRows(inputs)).toStdString(), "Rank 2 on b failed: signal 9 (Killed) at step 12, in generate");
}

TEST(RankTable, LastStep_NamesTheSlowest_AndMergesRecordsBeatsAndPhases)
{
    RankInputs inputs;
    inputs.records = { { 0, "a", 7, "cuda:0", "GPU", 80 }, { 1, "a", 8, "cuda:1", "GPU", 80 } };
    inputs.phases = { { 0, "update", 0, 1.0, 4 }, { 0, "wait", 1, 99.0, 4 }, { 0, "generate", 0, 2.0, 5 }, { 0, "wait", 2, 4.0, 5 }, { 1, "generate", 0, 5.5, 5 }, { 1, "wait", 5.5, 0.5, 5 } };
    const auto rows = rankRows(inputs);
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_DOUBLE_EQ(rows[0].waitSeconds, 4.0) << "of the newest step only";
    EXPECT_DOUBLE_EQ(rows[1].workSeconds, 5.5);
    EXPECT_EQ(rows[1].record.device, "cuda:1");
    EXPECT_LT(rows[0].ageSeconds, 0.0);
    EXPECT_EQ(rankVerdict(rows).toStdString(), "Rank 0 waited 4.0 s in the last step; rank 1 was the slowest.");
}

TEST(RankTable, OneRankOrNone_NeedsNoVerdict)
{
    EXPECT_TRUE(rankVerdict({}).isEmpty());
    EXPECT_TRUE(rankVerdict(rankRows({ {}, { beatOf(0, "generate", "", -1) }, {}, kNow, true })).isEmpty());
}

TEST(RankTable, List_JoinsNeighbours)
{
    EXPECT_EQ(rankList({ 3 }).toStdString(), "3");
    EXPECT_EQ(rankList({ 0, 1 }).toStdString(), "0 and 1");
    EXPECT_EQ(rankList({ 0, 1, 5, 6, 7 }).toStdString(), "0, 1 and 5–7");
}

} // namespace
} // namespace midpoint::gui
