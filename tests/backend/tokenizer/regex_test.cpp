#include "backend/core/error.h"
#include "backend/tokenizer/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace midpoint::tokenizer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> found(std::string_view pattern, std::string_view text)
{
    std::vector<std::string> texts;
    for (const Span& match : Regex(pattern).matches(text))
        texts.emplace_back(text.substr(match.begin, match.end - match.begin));
    return texts;
}

std::string errorOf(std::string_view pattern)
{
    try {
        const Regex regex(pattern);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Model);
        return error.what();
    }
    return "no error";
}

TEST(Regex, Matches_GoFromLeftToRight)
{
    EXPECT_THAT(found("\\d{1,2}", "12345"), ElementsAre("12", "34", "5"));
    EXPECT_THAT(found("\\p{L}+|\\s+(?!\\S)", "中é  b  "), ElementsAre("中é", " ", "b", "  "));
    EXPECT_TRUE(found("x", "").empty());
}

TEST(Regex, EmptyMatches_MoveOnByCharacters)
{
    EXPECT_THAT(found("b*", "éb"), ElementsAre("", "b", ""));
}

TEST(Regex, Classes_MeanWhatTheyMeanInOniguruma)
{
    EXPECT_THAT(found("\\s", "\u180e\u0085\u00a0"), ElementsAre("\u0085", "\u00a0"));
    EXPECT_THAT(found("[^\\s]+", "a\u2003b"), ElementsAre("a", "b"));
    EXPECT_THAT(found("\\S+", "a b"), ElementsAre("a", "b"));
    EXPECT_THAT(found("\\w+", "e\u0301_½-x"), ElementsAre("e\u0301_½", "x"));
    EXPECT_THAT(found("\\W+", "a-b"), ElementsAre("-"));
    EXPECT_THAT(found("\\h+", "0Fg"), ElementsAre("0F"));
    EXPECT_THAT(found("\\u4e2d", "中"), ElementsAre("中"));
    EXPECT_THAT(found("^b$", "a\nb\nc"), ElementsAre("b"));
    EXPECT_THAT(found("[[:digit:]]+", "a12"), ElementsAre("12"));
    EXPECT_THAT(found("[]a]+", "b]a"), ElementsAre("]a"));
    EXPECT_THAT(found("(?i:'s)", "'S 'ſ"), ElementsAre("'S", "'ſ"));
}

TEST(Regex, WhatCannotBeTranslated_IsRefused)
{
    EXPECT_THAT(errorOf("[a-z&&[^b]]"), HasSubstr("intersection"));
    EXPECT_THAT(errorOf("[a[bc]]"), HasSubstr("set within a set"));
    EXPECT_THAT(errorOf("\\p{N}{1,3}+"), HasSubstr("'}+'"));
    EXPECT_THAT(errorOf("[\\W]"), HasSubstr("negated class"));
    EXPECT_THAT(errorOf("(a"), HasSubstr("does not compile"));
    EXPECT_EQ(errorOf("\\p{N}+"), "no error");
}

TEST(Regex, LongBacktracking_IsNotAnError)
{
    const std::string spaces(1 << 20, ' ');
    EXPECT_EQ(Regex("(?:\\s|x)+y|\\s+").matches(spaces).size(), 1u);
}

} // namespace
} // namespace midpoint::tokenizer
