// The merge algorithm against the definition: merge the best-ranked pair, the leftmost of equals, until none is left.
#include "backend/core/error.h"
#include "backend/core/rng.h"
#include "backend/core/text.h"
#include "backend/tokenizer/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <map>

namespace midpoint::tokenizer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Merges = std::vector<std::pair<std::string, std::string>>;

std::vector<std::string> mergeByDefinition(const std::string& word, const Merges& merges)
{
    std::vector<std::string> symbols;
    for (const char c : word)
        symbols.emplace_back(1, c);
    while (true) {
        std::size_t bestRank = merges.size();
        std::size_t bestPosition = 0;
        for (std::size_t i = 0; i + 1 < symbols.size(); ++i)
            for (std::size_t rank = 0; rank < bestRank; ++rank)
                if (merges[rank] == std::pair(symbols[i], symbols[i + 1])) {
                    bestRank = rank;
                    bestPosition = i;
                }
        if (bestRank == merges.size())
            return symbols;
        symbols[bestPosition] += symbols[bestPosition + 1];
        symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(bestPosition) + 1);
    }
}

nlohmann::json modelOf(const Merges& merges, const std::string& letters)
{
    nlohmann::json model { { "type", "BPE" }, { "vocab", nlohmann::json::object() }, { "merges", merges } };
    const auto add = [&](const std::string& text) {
        if (!model["vocab"].contains(text))
            model["vocab"][text] = model["vocab"].size();
    };
    for (const char letter : letters)
        add(std::string(1, letter));
    for (const auto& [left, right] : merges)
        add(left + right);
    return model;
}

std::vector<std::string> encode(const nlohmann::json& json, const std::string& word)
{
    const JsonPart part(json, "tokenizer.json", "model");
    const Vocabulary vocabulary(part.at("vocab"));
    const BpeModel model(part, vocabulary);
    std::vector<std::string> texts;
    for (int i = 0; i < 2; ++i) { // the second time from the cache
        std::vector<TokenId> ids;
        model.encode(word, ids);
        std::vector<std::string> now;
        for (const TokenId id : ids)
            now.push_back(*vocabulary.text(id));
        if (i > 0) {
            EXPECT_EQ(now, texts) << "from the cache";
        }
        texts = now;
    }
    return texts;
}

std::string errorOf(const nlohmann::json& json)
{
    try {
        encode(json, "a");
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Model);
        return error.what();
    }
    return "no error";
}

TEST(Bpe, RandomMerges_EqualTheDefinition)
{
    Rng rng({ 5, DrawPurpose::Simulation });
    for (int round = 0; round < 200; ++round) {
        Merges merges;
        std::vector<std::string> symbols { "a", "b", "c" };
        for (int i = 0; i < 12; ++i) {
            const auto pick = [&] { return symbols[static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(symbols.size())))]; };
            const std::pair merge(pick(), pick());
            if (std::find(merges.begin(), merges.end(), merge) != merges.end())
                continue;
            merges.push_back(merge);
            symbols.push_back(merge.first + merge.second);
        }
        std::string word;
        for (std::int64_t i = rng.below(40); i >= 0; --i)
            word += static_cast<char>('a' + rng.below(3));
        EXPECT_EQ(encode(modelOf(merges, "abc"), word), mergeByDefinition(word, merges)) << word;
    }
}

TEST(Bpe, EqualPairs_MergeFromTheLeft)
{
    EXPECT_THAT(encode(modelOf({ { "a", "a" } }, "a"), "aaaaa"), ElementsAre("aa", "aa", "a"));
}

TEST(Bpe, StringMerges_AreReadAsPairs)
{
    nlohmann::json model = modelOf({ { "a", "b" } }, "ab");
    model["merges"] = { "a b" };
    EXPECT_THAT(encode(model, "abb"), ElementsAre("ab", "b"));
}

TEST(Bpe, IgnoredMerges_TakeWholeWordsFirst)
{
    nlohmann::json model = modelOf({ { "a", "b" }, { "ab", "c" } }, "abc");
    model["vocab"]["abcc"] = 50;
    EXPECT_THAT(encode(model, "abcc"), ElementsAre("abc", "c"));
    model["ignore_merges"] = true;
    EXPECT_THAT(encode(model, "abcc"), ElementsAre("abcc"));
}

TEST(Bpe, UnknownCharacters_BecomeTheUnknownTokenOrNothing)
{
    nlohmann::json model = modelOf({}, "ab");
    EXPECT_THAT(encode(model, "axxb"), ElementsAre("a", "b"));
    model["vocab"]["?"] = 9;
    model["unk_token"] = "?";
    EXPECT_THAT(encode(model, "axxb"), ElementsAre("a", "?", "?", "b"));
    model["fuse_unk"] = true;
    EXPECT_THAT(encode(model, "axxb"), ElementsAre("a", "?", "b"));
}

TEST(Bpe, BrokenParts_AreNamed)
{
    nlohmann::json model = modelOf({ { "a", "b" } }, "ab");
    nlohmann::json broken = model;
    broken["merges"] = Merges { { "a", "z" } };
    EXPECT_THAT(errorOf(broken), HasSubstr("tokenizer.json: model.merges: merge 0 ('a' + 'z'): 'z' is not in model.vocab"));
    broken["merges"] = { 5 };
    EXPECT_THAT(errorOf(broken), HasSubstr("merge 0: expected two token texts, found 5"));
    broken.erase("merges");
    EXPECT_THAT(errorOf(broken), HasSubstr("model: the part 'merges' is missing"));
    broken = model;
    broken["byte_fallback"] = true;
    EXPECT_THAT(errorOf(broken), HasSubstr("model.byte_fallback: found 'true'; supported: models without it"));
    broken = model;
    broken["unk_token"] = "<unk>";
    EXPECT_THAT(errorOf(broken), HasSubstr("model.unk_token"));
    broken = model;
    broken["vocab"]["c"] = "x";
    EXPECT_THAT(errorOf(broken), HasSubstr("model.vocab: token 'c': expected an id"));
    broken["vocab"]["c"] = 0;
    EXPECT_THAT(errorOf(broken), HasSubstr("belongs to two tokens"));
}

} // namespace
} // namespace midpoint::tokenizer
