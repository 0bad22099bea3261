#include "backend/difficulty/measures.h"

#include <gtest/gtest.h>

namespace midpoint::difficulty {
namespace {

Group groupOf(PromptId prompt, int successes, int failures)
{
    Group group;
    group.prompt = prompt;
    for (int i = 0; i < successes + failures; ++i) {
        Rollout rollout;
        rollout.verdict = i < successes ? Verdict::Correct : Verdict::Wrong;
        rollout.reward = i < successes ? 1.0 : 0.0;
        group.rollouts.push_back(rollout);
    }
    return group;
}

std::vector<const Group*> pointersTo(const std::vector<Group>& groups)
{
    std::vector<const Group*> pointers;
    for (const Group& group : groups)
        pointers.push_back(&group);
    return pointers;
}

TEST(Measures, PairWithEstimates_GroupsOutsideThePool_LeftOut)
{
    const PromptPool pool({ 10, 20 });
    const Estimates estimates { { .3, .6 }, {}, {}, {}, {} };
    const std::vector<Group> groups = { groupOf(20, 3, 1), groupOf(99, 1, 1) };
    const auto pairs = pairWithEstimates(pointersTo(groups), estimates, pool);
    ASSERT_EQ(pairs.size(), 1U);
    EXPECT_EQ(pairs[0].index, 1);
    EXPECT_EQ(pairs[0].predicted, .6);
    EXPECT_EQ(pairs[0].successes, 3);
    EXPECT_EQ(pairs[0].attempts, 4);
    EXPECT_TRUE(pairWithEstimates(pointersTo(groups), Estimates {}, pool).empty()) << "no belief, no pairs";
}

TEST(Measures, Predictions_KnownValues)
{
    const std::vector<PredictionPair> pairs = { { 0, .1, 0, 4 }, { 1, .5, 3, 4 }, { 2, .9, 4, 4 }, { 3, .7, 0, 0 } };
    const PredictionMeasures measures = measurePredictions(pairs);
    EXPECT_EQ(measures.pairs, 3) << "a prompt without a verdict says nothing";
    EXPECT_NEAR(*measures.meanAbsoluteError, (.1 + .25 + .1) / 3, 1e-12);
    EXPECT_NEAR(*measures.bias, (.1 - .25 - .1) / 3, 1e-12);
    EXPECT_NEAR(*measures.brier, (4 * .01 + 3 * .25 + 1 * .25 + 4 * .01) / 12, 1e-12);
    EXPECT_NEAR(*measures.spearman.value, 1.0, 1e-12);
    EXPECT_TRUE(measures.noiseCeiling.has_value());
}

TEST(Measures, Predictions_AllTheSame_CorrelationIsEmptyWithReason)
{
    const std::vector<PredictionPair> pairs = { { 0, .5, 0, 4 }, { 1, .5, 3, 4 } };
    const PredictionMeasures measures = measurePredictions(pairs);
    EXPECT_FALSE(measures.pearson.value);
    EXPECT_FALSE(measures.pearson.undefinedBecause.empty());
    EXPECT_FALSE(measurePredictions({}).meanAbsoluteError);
}

TEST(Measures, Predictions_OfTwoPrompts_NoCorrelation)
{
    const std::vector<PredictionPair> pairs = { { 0, .2, 1, 4 }, { 1, .5, 3, 4 } };
    const PredictionMeasures measures = measurePredictions(pairs);
    EXPECT_FALSE(measures.pearson.value) << "it is always 1 or -1";
    EXPECT_FALSE(measures.spearman.value);
    EXPECT_TRUE(measures.meanAbsoluteError);
}

TEST(Measures, Choice_SharesOfGroups)
{
    const std::vector<Group> groups = { groupOf(1, 4, 0), groupOf(2, 0, 4), groupOf(3, 0, 4), groupOf(4, 1, 3) };
    const ChoiceMeasures measures = measureChoice(pointersTo(groups));
    EXPECT_EQ(measures.groups, 4);
    EXPECT_DOUBLE_EQ(measures.effectiveRatio, .25);
    EXPECT_DOUBLE_EQ(measures.allCorrect, .25);
    EXPECT_DOUBLE_EQ(measures.allWrong, .5);
    EXPECT_DOUBLE_EQ(measures.successRate, 5.0 / 16.0);
    EXPECT_EQ(measureChoice({}).effectiveRatio, 0.0);
}

} // namespace
} // namespace midpoint::difficulty
