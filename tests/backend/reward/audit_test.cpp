#include "backend/core/error.h"
#include "backend/reward/agreement.h"
#include "backend/reward/audit.h"
#include "backend/reward/math_grader.h"

#include <gtest/gtest.h>

namespace midpoint::reward {
namespace {

Group groupOf(PromptId prompt, std::initializer_list<std::pair<const char*, Verdict>> answers)
{
    Group group;
    group.prompt = prompt;
    group.promptIndex = prompt;
    for (const auto& [text, verdict] : answers) {
        Rollout rollout;
        rollout.extracted = text;
        rollout.verdict = verdict;
        group.rollouts.push_back(rollout);
    }
    return group;
}

TEST(UnusableReferences, BrokenOnes_AreListedWithReason)
{
    const auto grader = makeMathGrader({});
    const std::vector<std::string> references = { "12", "\\frac{1}{", "", "Friday" };
    const auto findings = unusableReferences(*grader, references);
    ASSERT_EQ(findings.size(), 2u);
    EXPECT_EQ(findings[0].index, 1u);
    EXPECT_EQ(findings[1].index, 2u);
    EXPECT_FALSE(findings[0].problem.empty());
}

TEST(SuspectedLabelErrors, AgreedWrongAnswer_IsListed)
{
    std::vector<Group> groups;
    for (int i = 0; i < 4; ++i) {
        groups.push_back(groupOf(1, { { "7", Verdict::Wrong }, { " 7", Verdict::Wrong }, { "7", Verdict::Wrong }, { "9", Verdict::Wrong } }));
        groups.push_back(groupOf(2, { { "3", Verdict::Wrong }, { "4", Verdict::Wrong }, { "5", Verdict::Wrong }, { "6", Verdict::Wrong } }));
        groups.push_back(groupOf(3, { { "8", Verdict::Correct }, { "7", Verdict::Wrong }, { "7", Verdict::Wrong }, { "7", Verdict::Wrong } }));
        groups.push_back(groupOf(4, { { "", Verdict::Truncated }, { "7", Verdict::Wrong }, { "", Verdict::Timeout }, { "", Verdict::Unparseable } }));
    }
    const auto suspects = suspectedLabelErrors(groups);
    ASSERT_EQ(suspects.size(), 1u);
    EXPECT_EQ(suspects[0].prompt, 1);
    EXPECT_EQ(suspects[0].majorityAnswer, "7");
    EXPECT_EQ(suspects[0].majorityCount, 12);
    EXPECT_EQ(suspects[0].answers, 16);
    EXPECT_EQ(suspects[0].successes, 0);
}

TEST(LabelAudit, SavedAndRestored_GoesOnCounting)
{
    const Group half = groupOf(1, { { "7", Verdict::Wrong }, { "7", Verdict::Wrong }, { "7", Verdict::Wrong }, { "7", Verdict::Wrong },
                                      { "7", Verdict::Wrong }, { "7", Verdict::Wrong }, { "7", Verdict::Wrong }, { "9", Verdict::Wrong } });
    LabelAudit audit;
    audit.add({ &half, 1 });
    EXPECT_TRUE(audit.suspects().empty()) << "too few rollouts";
    LabelAudit restored = LabelAudit::deserialise(audit.serialise());
    restored.add({ &half, 1 });
    ASSERT_EQ(restored.suspects().size(), 1u);
    EXPECT_EQ(restored.suspects()[0].majorityCount, 14);
    EXPECT_EQ(restored.suspects()[0].answers, 16);
    const std::string bytes = audit.serialise();
    EXPECT_THROW(LabelAudit::deserialise(std::string_view(bytes).substr(0, bytes.size() - 1)), Error);
}

TEST(LabelAudit, ManyRareAnswers_TheMajorityIsStillFound)
{
    LabelAudit audit;
    for (int i = 0; i < 200; ++i) {
        const std::string rare = std::to_string(1000 + i);
        const Group group = groupOf(1, { { rare.c_str(), Verdict::Wrong }, { "42", Verdict::Wrong }, { "42", Verdict::Wrong } });
        audit.add({ &group, 1 });
    }
    ASSERT_EQ(audit.suspects().size(), 1u);
    EXPECT_EQ(audit.suspects()[0].majorityAnswer, "42");
    EXPECT_EQ(audit.suspects()[0].majorityCount, 400);
}

std::vector<RewardPoint> pointsOf(std::initializer_list<std::pair<double, double>> values)
{
    std::vector<RewardPoint> points;
    for (const auto& [reward, accuracy] : values)
        points.push_back({ static_cast<std::int64_t>(points.size()) * 10, reward, accuracy, 200 });
    return points;
}

TEST(RewardAlarm, RewardRisesAlone_Alarms)
{
    const auto flat = pointsOf({ { .3, .4 }, { .35, .41 }, { .4, .4 }, { .5, .4 }, { .55, .39 }, { .6, .4 } });
    const auto alarm = rewardAlarm(flat);
    ASSERT_TRUE(alarm.has_value());
    EXPECT_NE(alarm->find("held-out"), std::string::npos);
    const auto both = pointsOf({ { .3, .3 }, { .35, .35 }, { .4, .4 }, { .5, .5 }, { .55, .55 }, { .6, .6 } });
    EXPECT_FALSE(rewardAlarm(both).has_value());
    const auto still = pointsOf({ { .3, .4 }, { .3, .4 }, { .3, .4 }, { .31, .4 }, { .31, .4 }, { .31, .4 } });
    EXPECT_FALSE(rewardAlarm(still).has_value());
    EXPECT_FALSE(rewardAlarm(std::span(flat).first(5)).has_value());
}

TEST(CompareGrades, OnlySuccessCounts)
{
    const auto gradeOf = [](Verdict verdict) { return Grade { verdict, {}, {}, {}, false }; };
    const std::vector<Grade> first = { gradeOf(Verdict::Correct), gradeOf(Verdict::Correct), gradeOf(Verdict::Wrong),
        gradeOf(Verdict::Unparseable), gradeOf(Verdict::Correct) };
    const std::vector<Grade> second = { gradeOf(Verdict::Correct), gradeOf(Verdict::Wrong), gradeOf(Verdict::Correct),
        gradeOf(Verdict::Wrong), gradeOf(Verdict::Timeout) };
    const Agreement agreement = compareGrades(first, second);
    EXPECT_EQ(agreement.both, 4u);
    EXPECT_EQ(agreement.onlyFirst, 1u);
    EXPECT_EQ(agreement.onlySecond, 1u);
    EXPECT_EQ(agreement.notJudged, 1u);
    EXPECT_EQ(agreement.disagreements, (std::vector<std::size_t> { 1, 2 }));
}

} // namespace
} // namespace midpoint::reward
