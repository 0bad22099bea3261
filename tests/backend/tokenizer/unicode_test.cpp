#include "backend/core/unicode.h"

#include <gtest/gtest.h>

namespace midpoint {
namespace {

TEST(Unicode, IllFormedParts_AreReplacedAsTheStandardRecommends)
{
    EXPECT_EQ(toValidUtf8("a\xffz"), "a\uFFFDz");
    EXPECT_EQ(toValidUtf8("\xE4\xB8\xAD"), "中");
    EXPECT_EQ(toValidUtf8("\xE4\xB8"), "\uFFFD");                          // cut off: one maximal part
    EXPECT_EQ(toValidUtf8("\xF0\x9F\x98x"), "\uFFFDx");
    EXPECT_EQ(toValidUtf8("\xC0\xAF"), "\uFFFD\uFFFD");                    // overlong
    EXPECT_EQ(toValidUtf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");          // surrogate
    EXPECT_EQ(toValidUtf8("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD"); // above U+10FFFF
    EXPECT_TRUE(isValidUtf8("naïve 🙂"));
    EXPECT_FALSE(isValidUtf8("\x80"));
}

TEST(Unicode, Characters_AreReadAndWritten)
{
    for (const char32_t character : { U'a', U'\u00e9', U'\u4e2d', U'\U0001F642' }) {
        std::string text;
        appendCharacter(text, character);
        EXPECT_EQ(characterLength(text[0]), text.size());
        EXPECT_EQ(characterAt(text, 0), character);
    }
}

TEST(Unicode, NormalForms_ComposeAndDecompose)
{
    EXPECT_EQ(normalize("e\u0301", NormalForm::NFC), "é");
    EXPECT_EQ(normalize("é", NormalForm::NFD), "e\u0301");
    EXPECT_EQ(normalize("ﬁ ½", NormalForm::NFC), "ﬁ ½");
    EXPECT_EQ(normalize("ﬁ ½", NormalForm::NFKC), "fi 1\u20442");
    EXPECT_EQ(normalize("é", NormalForm::NFKD), "e\u0301");
    EXPECT_EQ(normalize("", NormalForm::NFC), "");
}

TEST(Unicode, Classes_FollowTheStandard)
{
    EXPECT_TRUE(isWhitespace(U'\u00a0') && isWhitespace(U'\u3000') && isWhitespace(U'\t'));
    EXPECT_FALSE(isWhitespace(U'\u200b') || isWhitespace(U'\u180e'));
    EXPECT_TRUE(isNumeric(U'½') && isNumeric(U'Ⅷ') && isNumeric(U'٣'));
    EXPECT_FALSE(isNumeric(U'a'));
    EXPECT_TRUE(isPunctuation(U'$') && isPunctuation(U'。'));
    EXPECT_FALSE(isPunctuation(U'a') || isPunctuation(U' '));
    EXPECT_TRUE(isWordCharacter(U'_') && isWordCharacter(U'é') && isWordCharacter(U'\u0301'));
    EXPECT_FALSE(isWordCharacter(U'-') || isWordCharacter(U' '));
    EXPECT_EQ(toLowerUnicode("ÀİΣ"), "ài\u0307σ");
}

TEST(Unicode, Excerpt_CutsBetweenCharacters)
{
    EXPECT_EQ(excerpt("abc", 3), "abc");
    EXPECT_EQ(excerpt("aéé", 4), "aé...");
}

} // namespace
} // namespace midpoint
