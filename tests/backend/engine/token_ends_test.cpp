// Where each token ends in the text: what the window colours token by token.
#include "backend/engine/stored_groups.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

using namespace midpoint;
using engine::tokenEnds;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

constexpr const char* kByteLevel = R"({
    "added_tokens": [{"id": 9, "content": "<end>", "special": true, "normalized": false}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}, "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "Ã": 2, "©": 3, "Ġ": 4, "ab": 5}, "merges": [["a", "b"]]}})";
constexpr const char* kWordLevel = R"({
    "added_tokens": [{"id": 0, "content": "<eos>", "special": true, "normalized": false}],
    "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "decoder": null,
    "model": {"type": "WordLevel", "vocab": {"<eos>": 0, "a": 1, "é": 2}, "unk_token": "<unk>"}})";

Tokenizer load(const test::TemporaryFolder& folder, const char* json)
{
    test::write(folder / "tokenizer.json", json);
    return Tokenizer::load(folder.path());
}

TEST(TokenEnds, ByteLevel_CountsBytesAndHalfCharacters)
{
    const test::TemporaryFolder folder;
    const Tokenizer tokenizer = load(folder, kByteLevel);
    const std::vector<std::int32_t> tokens { 5, 4, 2, 3, 0 }; // "ab", " ", two halves of "é", "a"
    EXPECT_THAT(tokenEnds(tokenizer, tokens, tokenizer.decode(tokens)), ElementsAre(2, 3, 4, 5, 6));
}

TEST(TokenEnds, SpecialTokens_TakeNoRoom)
{
    const test::TemporaryFolder folder;
    const Tokenizer tokenizer = load(folder, kByteLevel);
    EXPECT_THAT(tokenEnds(tokenizer, std::vector<std::int32_t> { 0, 9, 1 }, "ab"), ElementsAre(1, 1, 2));
}

TEST(TokenEnds, WordLevel_CountsTheSpacesBetweenWords)
{
    const test::TemporaryFolder folder;
    const Tokenizer tokenizer = load(folder, kWordLevel);
    EXPECT_THAT(tokenEnds(tokenizer, std::vector<std::int32_t> { 1, 2, 1, 0 }, "a é a"), ElementsAre(1, 4, 6, 6));
}

TEST(TokenEnds, TokensThatDoNotSpellTheText_GiveNothing)
{
    const test::TemporaryFolder folder;
    const Tokenizer tokenizer = load(folder, kByteLevel);
    EXPECT_THAT(tokenEnds(tokenizer, std::vector<std::int32_t> { 0, 1 }, "ax"), IsEmpty());
    EXPECT_THAT(tokenEnds(tokenizer, std::vector<std::int32_t> { 0, 1 }, "a"), IsEmpty()) << "the text is too short";
    const std::vector<std::int32_t> half { 2, 0 }; // half a character is written as a replacement character
    EXPECT_THAT(tokenEnds(tokenizer, half, tokenizer.decode(half)), IsEmpty());
    EXPECT_THAT(tokenEnds(tokenizer, std::vector<std::int32_t> {}, ""), IsEmpty());
}

TEST(TokenEnds, PublishedTokenizers_EndWithTheText)
{
    const std::string text = "Let x = 12.5; then 3x + \xC3\xA9 is {37}.\nAnswer: \\boxed{37}";
    for (const char* name : { "gpt2-style", "llama3-style", "digits" }) {
        const Tokenizer tokenizer = Tokenizer::load(test::sourceFolder() / "tests" / "fixtures" / "tokenizers" / name);
        const std::vector<std::int32_t> tokens = tokenizer.encode(text);
        const std::string decoded = tokenizer.decode(tokens);
        const std::vector<std::int32_t> ends = tokenEnds(tokenizer, tokens, decoded);
        if (decoded.find("\uFFFD") != std::string::npos)
            continue;
        ASSERT_EQ(ends.size(), tokens.size()) << name;
        EXPECT_TRUE(std::is_sorted(ends.begin(), ends.end())) << name;
        EXPECT_EQ(ends.back(), static_cast<std::int32_t>(decoded.size())) << name;
    }
}

} // namespace
