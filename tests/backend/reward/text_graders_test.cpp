#include "backend/core/error.h"
#include "backend/reward/grader_factory.h"

#include <gtest/gtest.h>

namespace midpoint::reward {
namespace {

Grade gradeOne(Grader& grader, std::string_view response, std::string_view reference, bool isTruncated = false)
{
    const GradeRequest request { response, reference, isTruncated, {}, 0 };
    return grader.grade({ &request, 1 }).front();
}

std::unique_ptr<Grader> graderOf(const std::string& kind, const std::string& pattern = {})
{
    config::RewardSection settings;
    settings.kind = kind;
    settings.pattern = pattern;
    return makeGrader(settings);
}

TEST(ExactGrader, LastMarker_TextAfterItCounts)
{
    const auto grader = graderOf("exact", "#");
    EXPECT_EQ(gradeOne(*grader, "a = 3 ; # 1 # 9   10 \n", "9 10").verdict, Verdict::Correct);
    EXPECT_EQ(gradeOne(*grader, "a = 3 ; # 9 1 0", "9 10").verdict, Verdict::Wrong);
    EXPECT_EQ(gradeOne(*grader, "a = 3 ; 9 10", "9 10").verdict, Verdict::Unparseable);
    EXPECT_EQ(gradeOne(*grader, "a = 3 ; 9 10", "9 10", true).verdict, Verdict::Truncated);
    EXPECT_EQ(gradeOne(*grader, "#", "9 10", true).verdict, Verdict::Truncated);
    EXPECT_EQ(gradeOne(*grader, "# 9 10", " ").verdict, Verdict::UnparseableReference);
    EXPECT_EQ(gradeOne(*grader, "# 9  10", "9 10").extracted, "9  10");
}

TEST(ExactGrader, NoMarker_WholeResponseCounts)
{
    const auto grader = graderOf("exact");
    EXPECT_EQ(gradeOne(*grader, "  yes ", "yes").verdict, Verdict::Correct);
    EXPECT_EQ(gradeOne(*grader, "yes it is", "yes").verdict, Verdict::Wrong);
}

TEST(NumericGrader, Tolerance_IsRelativeAboveOne)
{
    config::RewardSection settings;
    settings.kind = "numeric";
    settings.tolerance = 0.01;
    const auto grader = makeGrader(settings);
    EXPECT_EQ(gradeOne(*grader, "so #### 1,009", "1000").verdict, Verdict::Correct);
    EXPECT_EQ(gradeOne(*grader, "so #### 1,011", "1000").verdict, Verdict::Wrong);
    EXPECT_EQ(gradeOne(*grader, "\\boxed{0.005}", "0").verdict, Verdict::Correct);
    EXPECT_EQ(gradeOne(*grader, "The answer is 7 apples.", "7").verdict, Verdict::Correct);
    EXPECT_EQ(gradeOne(*grader, "\\boxed{none}", "7").verdict, Verdict::Unparseable);
    EXPECT_EQ(gradeOne(*grader, "so \\boxed{7}", "seven").verdict, Verdict::UnparseableReference);
    EXPECT_EQ(gradeOne(*grader, "I count 7 and then", "7", true).verdict, Verdict::Truncated);
}

TEST(ChoiceGrader, Letters_ReadInAllForms)
{
    const auto grader = graderOf("choice");
    for (const char* response : { "\\boxed{B}", "\\boxed{\\text{(B)}}", "The answer is (b).", "answer: B) twelve", "#### B",
             "I think it must be (B)" })
        EXPECT_EQ(gradeOne(*grader, response, "B").verdict, Verdict::Correct) << response;
    EXPECT_EQ(gradeOne(*grader, "\\boxed{C}", "B").verdict, Verdict::Wrong);
    EXPECT_EQ(gradeOne(*grader, "\\boxed{12}", "B").verdict, Verdict::Unparseable);
    EXPECT_EQ(gradeOne(*grader, "\\boxed{B}", "12").verdict, Verdict::UnparseableReference);
    EXPECT_EQ(gradeOne(*grader, "nothing here", "B").verdict, Verdict::Unparseable);
}

TEST(RegexGrader, LastMatch_FirstGroupCounts)
{
    const auto grader = graderOf("regex", "result = (\\w+)");
    EXPECT_EQ(gradeOne(*grader, "result = a result = b", "b").verdict, Verdict::Correct);
    EXPECT_EQ(gradeOne(*grader, "result = b result = a", "b").verdict, Verdict::Wrong);
    EXPECT_EQ(gradeOne(*grader, "no", "b").verdict, Verdict::Unparseable);
}

TEST(RegexGrader, CatastrophicPattern_IsTimeout)
{
    const auto grader = graderOf("regex", "(a+)+$");
    EXPECT_EQ(gradeOne(*grader, std::string(5000, 'a') + "b", "a").verdict, Verdict::Timeout);
}

TEST(RegexGrader, BadPattern_NamesKeyAndPlace)
{
    try {
        graderOf("regex", "(a");
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Config);
        EXPECT_NE(std::string(error.what()).find("reward.pattern"), std::string::npos);
        EXPECT_NE(std::string(error.what()).find("(a"), std::string::npos);
    }
}

TEST(GraderFactory, UnknownKind_IsConfigError)
{
    EXPECT_THROW(graderOf("maths"), Error);
}

} // namespace
} // namespace midpoint::reward
