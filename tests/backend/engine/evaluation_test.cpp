#include "backend/engine/evaluation.h"

#include <gtest/gtest.h>

using namespace midpoint;
using namespace midpoint::engine;

namespace {

// Answers of one prompt: each is graded against "7".
Group groupOf(const std::vector<std::string>& answers)
{
    Group group;
    for (const std::string& answer : answers) {
        Rollout rollout;
        rollout.extracted = answer;
        rollout.verdict = answer == "7" ? Verdict::Correct : answer.empty() ? Verdict::Unparseable : Verdict::Wrong;
        rollout.tokens = { 1, 2, 3 };
        group.rollouts.push_back(rollout);
    }
    return group;
}

} // namespace

TEST(SummariseEvaluation, TwoPrompts_MeanPassMajority)
{
    const std::vector<Group> groups = { groupOf({ "7", "7", "3", "" }), groupOf({ "3", "3", "7", "2" }) };
    const EvaluationResult result = summariseEvaluation("set", groups);
    EXPECT_EQ(result.prompts, 2);
    EXPECT_EQ(result.rollouts, 8);
    EXPECT_DOUBLE_EQ(result.meanAccuracy, 0.375);
    EXPECT_DOUBLE_EQ(result.passAtN, 1.0);
    EXPECT_DOUBLE_EQ(result.majorityAtN, 0.5);
    EXPECT_DOUBLE_EQ(result.unparseableShare, 0.125);
    EXPECT_DOUBLE_EQ(result.meanLength, 3.0);
    // Rates .5 and .25: deviation of the mean over two prompts.
    EXPECT_NEAR(result.standardError, 0.125, 1e-12);
}

TEST(SummariseEvaluation, NoAnswerAtAll_MajorityIsNotCorrect)
{
    const std::vector<Group> groups = { groupOf({ "", "" }) };
    EXPECT_EQ(summariseEvaluation("set", groups).majorityAtN, 0.0);
}
