#include "backend/policy/minibatches.h"

#include "backend/core/rng.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace midpoint::policy {
namespace {

TrainGroup group(std::int64_t id, std::int64_t rows, bool hasSignal, std::size_t tokens = 3)
{
    TrainGroup out { .id = id, .promptTokens = { 1, 2 }, .rows = {} };
    for (std::int64_t r = 0; r < rows; ++r) {
        TrainRow row;
        row.tokens.assign(tokens, 5);
        row.behaviourLogprobs.assign(tokens, -1.0F);
        row.advantage = hasSignal ? (r == 0 ? 1.0 : -0.5) : 0.0;
        out.rows.push_back(row);
    }
    return out;
}

std::vector<std::vector<std::int64_t>> idsOf(const Division& division)
{
    std::vector<std::vector<std::int64_t>> ids;
    for (const auto& miniBatch : division.miniBatches) {
        ids.emplace_back();
        for (const TrainGroup& member : miniBatch)
            ids.back().push_back(member.id);
    }
    return ids;
}

using testing::ElementsAre;

TEST(Divide, ByPrompts_KeepsGroupsWithoutSignalUnlessDropped)
{
    std::vector<TrainGroup> groups { group(1, 2, true), group(2, 2, false), group(3, 2, true), group(4, 2, false), group(5, 2, true) };
    config::BatchSection batch;
    batch.promptsPerUpdate = 2;
    Division division = divide(groups, { batch, false });
    EXPECT_THAT(idsOf(division), ElementsAre(ElementsAre(1, 2), ElementsAre(3, 4), ElementsAre(5)));
    division = divide(groups, { batch, true });
    EXPECT_THAT(idsOf(division), ElementsAre(ElementsAre(1, 3), ElementsAre(5)));
    EXPECT_EQ(division.droppedGroups, 2);
}

TEST(Divide, ByRowsWithSignal_CountsOnlyThose)
{
    std::vector<TrainGroup> groups { group(1, 4, true), group(2, 4, false), group(3, 4, true), group(4, 4, true) };
    config::BatchSection batch;
    batch.rowsPerUpdate = 8;
    const Division division = divide(groups, { batch, false });
    EXPECT_THAT(idsOf(division), ElementsAre(ElementsAre(1, 2, 3), ElementsAre(4)));
}

TEST(Divide, BelowTheFloor_CarriesTheRowsOver)
{
    std::vector<TrainGroup> groups { group(1, 4, true), group(2, 4, true), group(3, 4, true) };
    config::BatchSection batch;
    batch.rowsPerUpdate = 8;
    batch.minRowsPerUpdate = 6;
    Division division = divide(groups, { batch, true });
    EXPECT_THAT(idsOf(division), ElementsAre(ElementsAre(1, 2)));
    ASSERT_EQ(division.carried.size(), 1U);
    EXPECT_EQ(division.carried.front().id, 3);

    batch.rowsPerUpdate = 0;
    batch.promptsPerUpdate = 1; // one prompt is never enough: two make an update
    division = divide(groups, { batch, true });
    EXPECT_THAT(idsOf(division), ElementsAre(ElementsAre(1, 2)));
    EXPECT_EQ(division.carried.size(), 1U);
}

TEST(Divide, NothingWithSignal_GivesNoUpdate)
{
    const Division division = divide({ group(1, 4, false), group(2, 0, false), group(3, 2, true, 0) }, { {}, true });
    EXPECT_TRUE(division.miniBatches.empty());
    EXPECT_TRUE(division.carried.empty());
    EXPECT_EQ(division.droppedGroups, 3);
}

TEST(Pack, RandomGroups_KeepsEveryRowOnceWithinTheBudget)
{
    for (std::int64_t trial = 0; trial < 200; ++trial) {
        Rng rng({ .seed = 3, .purpose = DrawPurpose::Selection, .step = trial });
        std::vector<TrainGroup> groups;
        for (std::int64_t g = 0; g < 1 + rng.below(6); ++g)
            groups.push_back(group(g, rng.below(6), true, static_cast<std::size_t>(rng.below(20))));
        const std::int64_t budget = 1 + rng.below(120);
        std::set<const TrainRow*> seen;
        for (const MicroBatch& microBatch : pack(groups, budget)) {
            std::int64_t tokens = 0;
            std::int64_t rows = 0;
            for (const GroupRows& part : microBatch) {
                tokens += static_cast<std::int64_t>(part.group->promptTokens.size());
                for (const TrainRow* row : part.rows) {
                    EXPECT_TRUE(seen.insert(row).second);
                    tokens += fedTokens(*row);
                    ++rows;
                }
            }
            EXPECT_TRUE(tokens <= budget || rows == 1) << tokens << " of " << budget;
        }
        std::size_t expected = 0;
        for (const TrainGroup& member : groups)
            for (const TrainRow& row : member.rows)
                expected += row.tokens.empty() ? 0 : 1;
        EXPECT_EQ(seen.size(), expected);
    }
}

TEST(Pack, GroupsThatFit_StayWhole)
{
    const std::vector<TrainGroup> groups { group(1, 2, true), group(2, 2, true), group(3, 2, true) }; // 6 tokens each
    const std::vector<MicroBatch> microBatches = pack(groups, 13);
    ASSERT_EQ(microBatches.size(), 2U);
    EXPECT_EQ(microBatches[0].size(), 2U);
    EXPECT_EQ(microBatches[1].size(), 1U);
}

} // namespace
} // namespace midpoint::policy
