#include "backend/replay/fresh_fraction.h"

#include <gtest/gtest.h>

namespace midpoint::replay {
namespace {

config::ReplaySection adaptive(double costRatio)
{
    config::ReplaySection settings;
    settings.adaptiveFresh = true;
    settings.freshFraction = 0.5;
    settings.costRatio = costRatio;
    settings.relativeValue = 0.5;
    return settings;
}

// 16 prompts of 8 x 20 tokens, of which `withSignal` have signal, and 8 replayed groups.
FreshFractionFacts factsOf(std::int64_t withSignal)
{
    FreshFractionFacts facts;
    facts.generatedTokens = 16 * 160;
    facts.generationSeconds = 2.0;
    facts.freshGroups = withSignal;
    facts.freshTokens = withSignal * 160;
    facts.replayedGroups = 8;
    facts.replayedTokens = 8 * 160;
    facts.trainedTokens = (withSignal + 8) * 160;
    facts.trainingSeconds = 3.0;
    return facts;
}

TEST(FreshFraction, NotAdaptive_IsTheConfiguredOne)
{
    config::ReplaySection settings = adaptive(1.0);
    settings.adaptiveFresh = false;
    FreshFraction fraction;
    fraction.observe(factsOf(16), settings);
    EXPECT_EQ(fraction.fraction(settings), 0.5);
}

TEST(FreshFraction, DenseSignalAndCheapGeneration_ReplaysNothing)
{
    FreshFraction fraction;
    fraction.observe(factsOf(16), adaptive(2.0));
    // A fresh group costs 160 + 2 x 160, a replayed one 2 x 160 for half the worth.
    EXPECT_EQ(fraction.fraction(adaptive(2.0)), 1.0);
}

TEST(FreshFraction, RareSignalAndDearGeneration_ReplaysAllItMay)
{
    FreshFraction fraction;
    fraction.observe(factsOf(2), adaptive(0.5));
    EXPECT_EQ(fraction.fraction(adaptive(0.5)), 0.5);
}

TEST(FreshFraction, Between_FollowsThePrices)
{
    FreshFraction fraction;
    fraction.observe(factsOf(8), adaptive(1.0));
    // Fresh: 2560 / 8 + 160 = 480; replayed 160; half the worth: 1.5 times as good a bargain, half way to full use.
    EXPECT_DOUBLE_EQ(fraction.fraction(adaptive(1.0)), 0.75);
}

TEST(FreshFraction, SpentWeights_CountAsLessWorth)
{
    FreshFraction fraction;
    FreshFractionFacts facts = factsOf(8);
    facts.effectiveShare = 0.5;
    fraction.observe(facts, adaptive(1.0));
    EXPECT_EQ(fraction.fraction(adaptive(1.0)), 1.0);
}

TEST(FreshFraction, CostRatio_IsMeasuredOnceAndKept)
{
    const config::ReplaySection settings = adaptive(0.0);
    FreshFraction fraction;
    FreshFractionFacts slow = factsOf(8);
    slow.generationSeconds = 100.0; // the first step warms up and is left out
    fraction.observe(slow, settings);
    EXPECT_EQ(fraction.fraction(settings), 1.0) << "not known yet: nothing is replayed that may not pay";
    for (int step = 0; step < 4; ++step)
        fraction.observe(factsOf(8), settings);
    const double measured = fraction.state().costRatio;
    EXPECT_NEAR(measured, (3.0 / (16 * 160)) / (2.0 / (16 * 160)), 1e-12);
    fraction.observe(slow, settings);
    EXPECT_EQ(fraction.state().costRatio, measured);
}

TEST(FreshFraction, SetState_ContinuesExactly)
{
    const config::ReplaySection settings = adaptive(0.7);
    FreshFraction whole;
    whole.observe(factsOf(3), settings);
    FreshFraction resumed;
    resumed.setState(whole.state());
    for (std::int64_t signal : { 5, 0, 9 }) {
        whole.observe(factsOf(signal), settings);
        resumed.observe(factsOf(signal), settings);
    }
    EXPECT_EQ(whole.state(), resumed.state());
    EXPECT_EQ(whole.fraction(settings), resumed.fraction(settings));
}

} // namespace
} // namespace midpoint::replay
