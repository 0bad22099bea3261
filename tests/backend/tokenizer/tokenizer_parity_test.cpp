// Every line of fixtures/tokenizers/<name>/encodings.jsonl must come out as the `tokenizers` library made it.
#include "backend/core/text.h"
#include "backend/tokenizer/tokenizer.h"
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>

namespace midpoint {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> tokenizerFolders()
{
    std::vector<fs::path> folders;
    if (fs::exists(test::fixture("tokenizers")))
        for (const fs::directory_entry& entry : fs::directory_iterator(test::fixture("tokenizers")))
            folders.push_back(entry.path());
    std::sort(folders.begin(), folders.end());
    return folders;
}

struct Case {
    std::string text;
    std::vector<std::int32_t> ids;
    std::string decoded;
    std::string decodedSkipSpecial;
};

std::vector<Case> readCases(const fs::path& file)
{
    std::vector<Case> cases;
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
        const nlohmann::json json = nlohmann::json::parse(line);
        cases.push_back({ json.value("text", ""), json["ids"], json["decoded"], json["decoded_skip_special"] });
    }
    return cases;
}

class TokenizerParity : public testing::TestWithParam<fs::path> { };

TEST_P(TokenizerParity, EveryLine_EqualsTheLibrary)
{
    MIDPOINT_REQUIRE_FIXTURE(GetParam() / "tokenizer.json");
    const Tokenizer tokenizer = Tokenizer::load(GetParam());
    const std::vector<Case> cases = readCases(GetParam() / "encodings.jsonl");
    ASSERT_FALSE(cases.empty());
    for (const Case& expected : cases) {
        SCOPED_TRACE(expected.text);
        EXPECT_EQ(tokenizer.encode(expected.text), expected.ids);
        EXPECT_EQ(tokenizer.decode(expected.ids, SkipSpecial::No), expected.decoded);
        EXPECT_EQ(tokenizer.decode(expected.ids, SkipSpecial::Yes), expected.decodedSkipSpecial);
    }
}

// What a model samples need not be text: characters cut in half, ids that no token has.
TEST_P(TokenizerParity, RandomIds_DecodeAsInTheLibrary)
{
    MIDPOINT_REQUIRE_FIXTURE(GetParam() / "tokenizer.json");
    MIDPOINT_REQUIRE_FIXTURE(GetParam() / "decodings.jsonl");
    const Tokenizer tokenizer = Tokenizer::load(GetParam());
    for (const Case& expected : readCases(GetParam() / "decodings.jsonl")) {
        SCOPED_TRACE(testing::PrintToString(expected.ids));
        EXPECT_EQ(tokenizer.decode(expected.ids, SkipSpecial::No), expected.decoded);
        EXPECT_EQ(tokenizer.decode(expected.ids, SkipSpecial::Yes), expected.decodedSkipSpecial);
    }
}

// Without any oracle data the list is empty; the test below then says so.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TokenizerParity);
INSTANTIATE_TEST_SUITE_P(Fixtures, TokenizerParity, testing::ValuesIn(tokenizerFolders()),
    [](const testing::TestParamInfo<fs::path>& parameter) {
        std::string name = parameter.param.filename().string();
        std::replace_if(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
        return name;
    });

TEST(TokenizerParityData, Fixtures_ArePresent)
{
    MIDPOINT_REQUIRE_FIXTURE(test::fixture("tokenizers"));
    EXPECT_FALSE(tokenizerFolders().empty());
}

} // namespace
} // namespace midpoint
