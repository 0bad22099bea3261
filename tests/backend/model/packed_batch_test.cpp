#include "backend/model/packed_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace midpoint::model {
namespace {

using testing::ElementsAre;

TEST(PackedBatch, AddGroup_TwoResponses_ShareThePromptAndLeaveOutLastTokens)
{
    const std::vector<std::int32_t> prompt { 1, 2, 3 };
    const std::vector<std::int32_t> first { 4, 5, 6 };
    const std::vector<std::int32_t> second { 7 };
    const std::vector<std::span<const std::int32_t>> responses { first, second };
    PackedBatch batch;
    batch.addGroup(prompt, responses);

    EXPECT_THAT(batch.tokens, ElementsAre(1, 2, 3, 4, 5));
    EXPECT_THAT(batch.positions, ElementsAre(0, 1, 2, 3, 4));
    EXPECT_THAT(batch.segmentOffsets, ElementsAre(0, 3, 5, 5));
    EXPECT_THAT(batch.groupOffsets, ElementsAre(0, 3));
    EXPECT_THAT(batch.scoredTokens, ElementsAre(2, 3, 4, 2));
    EXPECT_THAT(batch.targets, ElementsAre(4, 5, 6, 7));
}

TEST(PackedBatch, AddSequence_Scored_PredictsEveryTokenButTheFirst)
{
    const std::vector<std::int32_t> sequence { 9, 8, 7 };
    PackedBatch batch;
    batch.addSequence(sequence);
    batch.addSequence(sequence, PackedBatch::Score::Yes);

    EXPECT_THAT(batch.positions, ElementsAre(0, 1, 2, 0, 1, 2));
    EXPECT_THAT(batch.groupOffsets, ElementsAre(0, 1, 2));
    EXPECT_THAT(batch.scoredTokens, ElementsAre(3, 4));
    EXPECT_THAT(batch.targets, ElementsAre(8, 7));
}

} // namespace
} // namespace midpoint::model
