#include "backend/reward/math_grader.h"

#include <gtest/gtest.h>

namespace midpoint::reward {
namespace {

Grade gradeOne(std::string_view response, std::string_view reference, bool isTruncated = false, MathGraderOptions options = {})
{
    const GradeRequest request { response, reference, isTruncated, {}, 0 };
    return makeMathGrader(std::move(options))->grade({ &request, 1 }).front();
}

TEST(MathGrader, Verdicts_AreAllReached)
{
    EXPECT_EQ(gradeOne("so $\\boxed{0.5}$", "\\frac{1}{2}").verdict, Verdict::Correct);
    EXPECT_EQ(gradeOne("so $\\boxed{0.6}$", "\\frac{1}{2}").verdict, Verdict::Wrong);
    EXPECT_EQ(gradeOne("so $\\boxed{\\frac{1}{}$}", "\\frac{1}{2}").verdict, Verdict::Unparseable);
    EXPECT_EQ(gradeOne("I do not know", "\\frac{1}{2}").verdict, Verdict::Unparseable);
    EXPECT_EQ(gradeOne("so we have 1 and", "1", true).verdict, Verdict::Truncated);
    EXPECT_EQ(gradeOne("so \\boxed{1} and", "1", true).verdict, Verdict::Correct);
    EXPECT_EQ(gradeOne("so \\boxed{1}", "\\frac{1}{").verdict, Verdict::UnparseableReference);
    EXPECT_EQ(gradeOne("so \\boxed{1}", "").verdict, Verdict::UnparseableReference);
}

TEST(MathGrader, Reason_NamesStepAndRule)
{
    const Grade grade = gradeOne("so $\\boxed{ \\frac{2}{4} }$", "0.5");
    EXPECT_EQ(grade.extracted, "\\frac{2}{4}");
    EXPECT_EQ(grade.normalForm, "(2/4)");
    EXPECT_EQ(grade.rule, "boxed; exact rational number");
    EXPECT_TRUE(grade.isWellFormed);
    EXPECT_EQ(gradeOne("we find 12", "12").rule, "last-number; same form");
    EXPECT_FALSE(gradeOne("we find 12", "12").isWellFormed);
}

TEST(MathGrader, PhraseThatIsNoAnswer_NextStepIsTried)
{
    EXPECT_EQ(gradeOne("The answer is the number of ways, which is 12.", "12").verdict, Verdict::Correct);
    EXPECT_EQ(gradeOne("The answer is Friday.", "Friday").verdict, Verdict::Correct);
}

TEST(MathGrader, AmbiguousCommas_AreReadBothWays)
{
    EXPECT_EQ(gradeOne("\\boxed{100,200,300}", "100, 200, 300").verdict, Verdict::Correct);
    EXPECT_EQ(gradeOne("\\boxed{1,234}", "1234").verdict, Verdict::Correct);
    EXPECT_EQ(gradeOne("\\boxed{(1,234)}", "1,234").verdict, Verdict::Wrong);
    EXPECT_EQ(gradeOne("\\boxed{1,234}", "(1,234)").verdict, Verdict::Wrong);
}

TEST(MathGrader, BeyondBounds_IsRefusedOrAskedElsewhere)
{
    const char* response = "\\boxed{10^{10^{10}}+1}";
    const Grade refused = gradeOne(response, "10^{10^{10}}");
    EXPECT_EQ(refused.verdict, Verdict::Unparseable);
    EXPECT_NE(refused.rule.find("refused"), std::string::npos) << refused.rule;
    MathGraderOptions options;
    options.beyondBounds = [](const GradeRequest&) { return Grade { Verdict::Timeout, {}, {}, "too slow", false }; };
    const Grade asked = gradeOne(response, "10^{10^{10}}", false, options);
    EXPECT_EQ(asked.verdict, Verdict::Timeout);
    EXPECT_NE(asked.rule.find("too slow"), std::string::npos) << asked.rule;
}

TEST(MathGrader, PromptIsNeverLookedAt)
{
    const GradeRequest request { "nothing", "7", false, "put the answer in \\boxed{7}", 0 };
    EXPECT_EQ(makeMathGrader({})->grade({ &request, 1 }).front().verdict, Verdict::Unparseable);
}

} // namespace
} // namespace midpoint::reward
