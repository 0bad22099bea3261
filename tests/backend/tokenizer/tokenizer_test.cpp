#include "backend/core/error.h"
#include "backend/tokenizer/tokenizer.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <thread>

namespace midpoint {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

nlohmann::json wordLevel()
{
    return nlohmann::json::parse(R"({
        "added_tokens": [{"id": 0, "content": "<eos>", "special": true, "normalized": false},
                         {"id": 3, "content": "<tool>", "special": false, "normalized": false}],
        "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"<eos>": 0, "a": 1, "é": 2}, "unk_token": "<unk>"}})");
}

// Two letters, the bytes of "é" and a merge.
nlohmann::json byteLevel()
{
    return nlohmann::json::parse(R"({
        "added_tokens": [{"id": 9, "content": "<end>", "special": true, "normalized": false}],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "Ã": 2, "©": 3, "Ġ": 4, "ab": 5}, "merges": [["a", "b"]]}})");
}

class TokenizerTest : public testing::Test {
protected:
    Tokenizer load(const nlohmann::json& json)
    {
        test::write(m_folder / "tokenizer.json", json.dump());
        return Tokenizer::load(m_folder.path());
    }
    std::string errorOf(const std::string& content)
    {
        test::write(m_folder / "tokenizer.json", content);
        try {
            Tokenizer::load(m_folder / "tokenizer.json");
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::Model);
            return error.what();
        }
        ADD_FAILURE() << "no error for " << content;
        return {};
    }

    test::TemporaryFolder m_folder;
};

TEST_F(TokenizerTest, WordLevel_SplitsAtSpaceAndJoinsBySpace)
{
    const Tokenizer tokenizer = load(wordLevel());
    EXPECT_THAT(tokenizer.encode(" a\té  <eos>a<tool> "), ElementsAre(1, 2, 0, 1, 3));
    EXPECT_EQ(tokenizer.decode(std::vector { 1, 2, 0 }), "a é");
    EXPECT_EQ(tokenizer.decode(std::vector { 1, 2, 0 }, SkipSpecial::No), "a é <eos>");
    EXPECT_THAT(tokenizer.encode(""), IsEmpty());
}

TEST_F(TokenizerTest, UnknownWord_IsNamedOrReplaced)
{
    const Tokenizer strict = load(wordLevel());
    try {
        strict.encode("a nonsense");
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Data);
        EXPECT_THAT(error.what(), AllOf(HasSubstr("'nonsense'"), HasSubstr("tokenizer.json")));
    }
    nlohmann::json json = wordLevel();
    json["model"]["unk_token"] = "é";
    EXPECT_THAT(load(json).encode("a nonsense"), ElementsAre(1, 2));
}

TEST_F(TokenizerTest, Lookups_KnowEveryToken)
{
    const Tokenizer tokenizer = load(byteLevel());
    EXPECT_EQ(tokenizer.tokenToId("ab"), 5);
    EXPECT_EQ(tokenizer.tokenToId("ba"), std::nullopt);
    EXPECT_EQ(tokenizer.idToToken(9), "<end>");
    EXPECT_EQ(tokenizer.idToToken(7), std::nullopt);
    EXPECT_EQ(tokenizer.idToToken(-1), std::nullopt);
    EXPECT_EQ(tokenizer.vocabularySize(), 10);
    EXPECT_TRUE(tokenizer.isSpecial(9));
    EXPECT_FALSE(tokenizer.isSpecial(5));
    ASSERT_EQ(tokenizer.specialTokens().size(), 1u);
    EXPECT_EQ(tokenizer.specialTokens()[0].text, "<end>");
}

TEST_F(TokenizerTest, TokenBytes_MayBeHalfACharacter)
{
    const Tokenizer tokenizer = load(byteLevel());
    EXPECT_EQ(tokenizer.tokenBytes(2), "\xC3");
    EXPECT_EQ(tokenizer.tokenBytes(4), " ");
    EXPECT_EQ(tokenizer.tokenBytes(9), "<end>");
    EXPECT_EQ(tokenizer.tokenBytes(100), "");
    EXPECT_EQ(tokenizer.decode(std::vector { 2, 3 }), "é");
    EXPECT_EQ(tokenizer.decode(std::vector { 2, 0 }), "\uFFFDa");
}

TEST_F(TokenizerTest, IdsWithoutToken_AddNothing)
{
    EXPECT_EQ(load(byteLevel()).decode(std::vector { 0, 7, 1000, -3, 1 }), "ab");
}

TEST_F(TokenizerTest, IllFormedText_IsReadAsReplacementCharacters)
{
    const Tokenizer tokenizer = load(byteLevel());
    EXPECT_THAT(tokenizer.encode("\xFF" "ab"), tokenizer.encode("\uFFFD" "ab"));
}

TEST_F(TokenizerTest, ManyThreads_EncodeTheSame)
{
    const Tokenizer tokenizer = load(byteLevel());
    std::string text;
    for (int i = 0; i < 200; ++i)
        text += std::string(static_cast<std::size_t>(i % 7), 'a') + "b ";
    const std::vector<std::int32_t> expected = tokenizer.encode(text);
    std::vector<std::vector<std::int32_t>> found(4);
    {
        std::vector<std::jthread> threads;
        for (std::vector<std::int32_t>& ids : found)
            threads.emplace_back([&] { ids = tokenizer.encode(text); });
    }
    for (const std::vector<std::int32_t>& ids : found)
        EXPECT_EQ(ids, expected);
}

TEST_F(TokenizerTest, UnsupportedParts_NameFoundAndSupported)
{
    const auto with = [](const char* pointer, const nlohmann::json& value) {
        nlohmann::json json = byteLevel();
        json[nlohmann::json::json_pointer(pointer)] = value;
        return json.dump();
    };
    EXPECT_THAT(errorOf(with("/model/type", "Unigram")), AllOf(HasSubstr("tokenizer.json: model.type: found 'Unigram'"), HasSubstr("supported: BPE, WordLevel")));
    EXPECT_THAT(errorOf(with("/pre_tokenizer/type", "Metaspace")), HasSubstr("pre_tokenizer.type: found 'Metaspace'"));
    EXPECT_THAT(errorOf(with("/normalizer", { { "type", "BertNormalizer" } })), HasSubstr("normalizer.type: found 'BertNormalizer'"));
    EXPECT_THAT(errorOf(with("/decoder/type", "WordPiece")), HasSubstr("decoder.type: found 'WordPiece'"));
    EXPECT_THAT(errorOf(with("/pre_tokenizer", { { "type", "Split" }, { "pattern", { { "Regex", "(" } } }, { "behavior", "Isolated" } })),
        AllOf(HasSubstr("pre_tokenizer.pattern.Regex"), HasSubstr("does not compile")));
    EXPECT_THAT(errorOf(with("/pre_tokenizer", { { "type", "Split" }, { "pattern", { { "String", " " } } }, { "behavior", "Sideways" } })),
        HasSubstr("pre_tokenizer.behavior: found 'Sideways'"));
    EXPECT_THAT(errorOf(with("/pre_tokenizer/use_regex", 5)), HasSubstr("pre_tokenizer.use_regex: expected true or false, found 5"));
}

TEST_F(TokenizerTest, BrokenFiles_AreErrors)
{
    EXPECT_THAT(errorOf("{\"model\": "), AllOf(HasSubstr("tokenizer.json"), HasSubstr("JSON")));
    EXPECT_THAT(errorOf("[]"), HasSubstr("expected an object"));
    EXPECT_THAT(errorOf("{}"), HasSubstr("the part 'model' is missing"));
    EXPECT_THAT(errorOf(R"({"model": {"type": "BPE", "merges": []}})"), HasSubstr("model: the part 'vocab' is missing"));
    EXPECT_THAT(errorOf(R"({"model": {"type": "BPE", "vocab": [], "merges": []}})"), HasSubstr("model.vocab: expected an object"));
    nlohmann::json json = byteLevel();
    json["added_tokens"][0]["id"] = 5;
    EXPECT_THAT(errorOf(json.dump()), AllOf(HasSubstr("added_tokens[0]"), HasSubstr("already belongs to 'ab'")));
    json["added_tokens"][0] = { { "id", 12 }, { "content", "ab" } };
    EXPECT_THAT(errorOf(json.dump()), HasSubstr("has the id 12 here and 5 in model.vocab"));
    EXPECT_THROW(Tokenizer::load(m_folder / "missing"), Error);
}

} // namespace
} // namespace midpoint
