#include "backend/core/error.h"
#include "backend/reward/extraction.h"

#include <gtest/gtest.h>

namespace midpoint::reward {
namespace {

struct Case {
    std::string_view response;
    std::string_view text;
    ExtractionStep step;
};

class ExtractAnswer : public testing::TestWithParam<Case> { };

TEST_P(ExtractAnswer, Response_GivesTextAndStep)
{
    const auto found = extractAnswer(GetParam().response);
    ASSERT_TRUE(found.has_value()) << GetParam().response;
    EXPECT_EQ(found->text, GetParam().text) << GetParam().response;
    EXPECT_EQ(found->step, GetParam().step) << GetParam().response;
}

INSTANTIATE_TEST_SUITE_P(Table, ExtractAnswer,
    testing::Values(Case { "first \\boxed{1} then \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}", ExtractionStep::Boxed },
        Case { "\\boxed{3} and \\boxed{4", "3", ExtractionStep::Boxed },
        Case { "\\boxed{3} and \\boxed{}", "3", ExtractionStep::Boxed },
        Case { "\\fbox{ 3 }", "3", ExtractionStep::Boxed }, Case { "$\\boxed 7$ done", "7", ExtractionStep::Boxed },
        Case { "\\boxed{\\{1, 2\\}}", "\\{1, 2\\}", ExtractionStep::Boxed },
        Case { "#### 5 #### 1,234\nmore", "1,234", ExtractionStep::Hashes },
        Case { "so \\boxed{8} #### 9", "8", ExtractionStep::Boxed },
        Case { "The answer is 3.5. It was easy: 7 steps.", "3.5", ExtractionStep::AnswerPhrase },
        Case { "**Final Answer:** $x = 4$ metres", "x = 4", ExtractionStep::AnswerPhrase },
        Case { "The final answer is: (1, 2)\n", "(1, 2)", ExtractionStep::AnswerPhrase },
        Case { "we get $a$ and $\\frac{3}{4}$ there", "\\frac{3}{4}", ExtractionStep::Dollars },
        Case { "we get \\(a\\) and \\[ b + 1 \\]", "b + 1", ExtractionStep::Dollars },
        Case { "They cost 1,250.50 dollars.", "1,250.50", ExtractionStep::LastNumber },
        Case { "It is -7 then", "-7", ExtractionStep::LastNumber }, Case { "It is 3/4.", "3/4", ExtractionStep::LastNumber },
        Case { "It is 30% more", "30%", ExtractionStep::LastNumber },
        Case { "from 3-4 to .5", ".5", ExtractionStep::LastNumber },
        Case { "about 1.5e-3 of it", "1.5e-3", ExtractionStep::LastNumber },
        Case { "a mass of 3 \\times 10^{-8} kg", "3 \\times 10^{-8}", ExtractionStep::LastNumber },
        Case { "at 3 x 10^8 m/s", "3 x 10^8", ExtractionStep::LastNumber },
        Case { "so x = -\\frac{1}{2} here", "-\\frac{1}{2}", ExtractionStep::LastNumber },
        Case { "so x = 2\\sqrt{3}.", "2\\sqrt{3}", ExtractionStep::LastNumber },
        Case { "#### The answer is 5.", "5", ExtractionStep::Hashes },
        Case { "<answer>\\frac{1}{2}</answer>", "\\frac{1}{2}", ExtractionStep::AnswerPhrase },
        Case { "The correct option is (B).", "(B)", ExtractionStep::AnswerPhrase },
        Case { "The answer is $x=5$ where $x$ is the side.", "x=5", ExtractionStep::AnswerPhrase },
        Case { "The answer is $x=1$ or $x=2$.", "x=1$ or $x=2", ExtractionStep::AnswerPhrase },
        Case { "The answer is \\(3\\), while \\(4\\) is too much.", "3", ExtractionStep::AnswerPhrase },
        Case { "The answer is 5, since 2+3=5 and not 7", "5", ExtractionStep::AnswerPhrase },
        Case { "The answer is 5 because 25 = 5^2.", "5", ExtractionStep::AnswerPhrase },
        Case { "<think>The answer is 4</think> We get 5", "5", ExtractionStep::LastNumber },
        Case { "<think>\\boxed{4}</think> We get 5", "4", ExtractionStep::Boxed },
        Case { "<think>The answer is 4</think>", "4", ExtractionStep::AnswerPhrase }));

TEST(ExtractAnswer, NothingThere_NoAnswer)
{
    EXPECT_FALSE(extractAnswer("").has_value());
    EXPECT_FALSE(extractAnswer("I do not know").has_value());
    EXPECT_FALSE(extractAnswer("\\boxed{").has_value());
}

TEST(ExtractAnswer, StepsSwitchedOff_AreNotUsed)
{
    const std::vector<std::string> names = { "boxed", "hashes" };
    EXPECT_FALSE(extractAnswer("The answer is $3$", extractionOptions(names)).has_value());
    EXPECT_TRUE(extractAnswer("\\boxed{3}", extractionOptions(names)).has_value());
    const std::vector<std::string> wrong = { "box" };
    EXPECT_THROW(extractionOptions(wrong), Error);
}

TEST(ExtractAnswer, EachStepAlone_FindsItsOwnAnswer)
{
    constexpr std::string_view response = "\\boxed{1} #### 2\nThe answer is 3.\nAs $4$ of 5";
    const std::pair<const char*, std::string_view> expected[]
        = { { "boxed", "1" }, { "hashes", "2" }, { "answer-phrase", "3" }, { "dollars", "4" }, { "last-number", "5" } };
    for (const auto& [name, text] : expected) {
        const std::vector<std::string> only = { name };
        const auto found = extractAnswer(response, extractionOptions(only));
        ASSERT_TRUE(found.has_value()) << name;
        EXPECT_EQ(found->text, text) << name;
        EXPECT_STREQ(nameOf(found->step), name);
    }
}

TEST(ExtractAnswer, Truncated_OnlyStatedAnswers)
{
    EXPECT_FALSE(extractAnswer("so 3 + 4 = 7 and", ExtractionOptions().forTruncated()).has_value());
    EXPECT_TRUE(extractAnswer("\\boxed{7} and", ExtractionOptions().forTruncated()).has_value());
}

TEST(ExtractAnswer, HostileNesting_EndsSoon)
{
    std::string text;
    for (int i = 0; i < 100000; ++i)
        text += "\\boxed{";
    EXPECT_FALSE(extractAnswer(text).has_value());
}

} // namespace
} // namespace midpoint::reward
