#include "backend/core/error.h"
#include "backend/reward/reward_composer.h"

#include <gtest/gtest.h>

namespace midpoint::reward {
namespace {

Rollout rolloutOf(std::size_t tokens)
{
    Rollout rollout;
    rollout.tokens.resize(tokens);
    return rollout;
}

TEST(RewardComposer, SuccessAlone_HasNoParts)
{
    const RewardComposer composer({}, 100);
    Rollout rollout = rolloutOf(100);
    composer.apply({ Verdict::Correct, "7", "7", "boxed; exact number", true }, rollout);
    EXPECT_EQ(rollout.reward, 1.0);
    EXPECT_TRUE(rollout.rewardParts.empty());
    EXPECT_EQ(rollout.extracted, "7");
    EXPECT_TRUE(rollout.isSuccess());
}

TEST(RewardComposer, OverlongAndFormat_PartsSumToReward)
{
    config::RewardSection settings;
    settings.overlongPenalty = 0.5;
    settings.overlongBufferTokens = 20;
    settings.formatWeight = 0.1;
    const RewardComposer composer(settings, 100);
    EXPECT_EQ(composer.overlongTerm(80), 0.0);
    EXPECT_EQ(composer.overlongTerm(90), -0.5);
    EXPECT_EQ(composer.overlongTerm(100), -1.0);
    Rollout rollout = rolloutOf(90);
    composer.apply({ Verdict::Correct, {}, {}, {}, true }, rollout);
    ASSERT_EQ(rollout.rewardParts.size(), 3u);
    EXPECT_DOUBLE_EQ(rollout.reward, 1.0 - 0.25 + 0.1);
    EXPECT_TRUE(rollout.isSuccess()) << "success stays the verdict alone";
    composer.apply({ Verdict::Truncated, {}, {}, {}, false }, rollout);
    EXPECT_DOUBLE_EQ(rollout.reward, -0.25);
    EXPECT_FALSE(rollout.isSuccess());
}

TEST(RewardComposer, RampLongerThanResponse_IsConfigError)
{
    config::RewardSection settings;
    settings.overlongPenalty = 1.0;
    settings.overlongBufferTokens = 101;
    EXPECT_THROW(RewardComposer(settings, 100), Error);
}

} // namespace
} // namespace midpoint::reward
