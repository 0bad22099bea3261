#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/data/prompt_preparation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace midpoint::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// One token per byte.
std::vector<std::int32_t> encodeBytes(std::string_view text) { return { text.begin(), text.end() }; }

PromptSet setOf(const std::vector<std::string>& questions)
{
    PromptSet set;
    for (const std::string& question : questions) {
        Prompt prompt;
        prompt.question = question;
        prompt.source = { "set.jsonl", static_cast<std::int64_t>(set.prompts.size()) + 1 };
        set.prompts.push_back(prompt);
    }
    return set;
}

const PromptTemplate& plain()
{
    static const PromptTemplate instance({ "plain", "", "" }, [](std::string_view) { return false; });
    return instance;
}

TEST(PreparePrompts, TooLong_AreDroppedAndCounted)
{
    const PreparedPrompts prepared = preparePrompts(setOf({ "ab", "abcd", "abc" }), plain(), encodeBytes, 3);
    ASSERT_EQ(prepared.prompts.size(), 2u);
    EXPECT_THAT(prepared.prompts[0].tokens, ElementsAre('a', 'b'));
    EXPECT_EQ(prepared.prompts[1].prompt.question, "abc");
    EXPECT_EQ(prepared.report.kept, 2);
    EXPECT_EQ(prepared.report.tooLong, 1);
    EXPECT_EQ(prepared.report.longestTokens, 4);
    EXPECT_EQ(prepared.report.longest.row, 2);
    EXPECT_DOUBLE_EQ(prepared.report.meanTokens, 2.5);
    EXPECT_THAT(join(describe(prepared.report), "\n"), AllOf(HasSubstr("'plain'"), HasSubstr("1 prompts dropped")));
}

TEST(PreparePrompts, NoneLeft_IsAnError)
{
    try {
        preparePrompts(setOf({ "abcd", "abcde" }), plain(), encodeBytes, 3);
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Data);
        EXPECT_THAT(error.what(), AllOf(HasSubstr("max_prompt_tokens = 3"), HasSubstr("2 prompts of 4 to 5 tokens")));
    }
}

TEST(PreparePrompts, NoTokens_IsAnErrorWithTheRow)
{
    const auto encodeNothing = [](std::string_view) { return std::vector<std::int32_t> {}; };
    EXPECT_THROW(preparePrompts(setOf({ "a" }), plain(), encodeNothing, 3), Error);
}

} // namespace
} // namespace midpoint::data
