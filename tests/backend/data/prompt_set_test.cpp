#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/data/prompt_set.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace midpoint::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class PromptSetTest : public testing::Test {
protected:
    std::string file(const std::string& name, const std::string& content)
    {
        test::write(m_folder / name, content);
        return (m_folder / name).string();
    }
    PromptSet load(const std::string& content, const ColumnNames& columns = {})
    {
        return loadPrompts(std::vector { file("set.jsonl", content) }, columns);
    }
    std::string errorOf(const std::string& content, const ColumnNames& columns = {})
    {
        try {
            load(content, columns);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::Data);
            return error.what();
        }
        ADD_FAILURE() << "no error for " << content;
        return {};
    }

    test::TemporaryFolder m_folder;
};

TEST_F(PromptSetTest, QuestionAndAnswer_AreReadInOrder)
{
    const PromptSet set = load("{\"question\": \"a?\", \"answer\": \"1\"}\n\n{\"question\": \" b \", \"answer\": \"2\"}");
    ASSERT_EQ(set.prompts.size(), 2u);
    EXPECT_EQ(set.prompts[0].question, "a?");
    EXPECT_EQ(set.prompts[0].answer, "1");
    EXPECT_EQ(set.prompts[0].id, stableId("a?"));
    EXPECT_EQ(set.prompts[0].dataSource, "set");
    EXPECT_EQ(set.prompts[1].question, " b ");
    EXPECT_EQ(set.prompts[1].id, stableId("b"));
    EXPECT_EQ(set.prompts[1].source.row, 3);
    EXPECT_EQ(set.report.rows, 2);
    EXPECT_EQ(set.report.duplicates, 0);
}

TEST_F(PromptSetTest, OtherColumnNames_AreRecognised)
{
    EXPECT_EQ(load(R"({"problem": "p", "answer": "1"})").prompts[0].question, "p");
    EXPECT_EQ(load(R"({"prompt": "p", "ground_truth": "7"})").prompts[0].answer, "7");
    EXPECT_EQ(load(R"({"question": "q", "solution": "7", "prompt": "p"})").prompts[0].question, "q");
}

TEST_F(PromptSetTest, VerlRow_GivesSystemQuestionAndTruth)
{
    const PromptSet set = load(R"({"data_source": "d", "prompt": [{"role": "system", "content": "S"},)"
                               R"( {"role": "user", "content": "Q"}], "reward_model": {"ground_truth": "G", "style": "rule"}})");
    EXPECT_EQ(set.prompts[0].system, "S");
    EXPECT_EQ(set.prompts[0].question, "Q");
    EXPECT_EQ(set.prompts[0].answer, "G");
    EXPECT_EQ(set.prompts[0].dataSource, "d");
}

TEST_F(PromptSetTest, ConfiguredColumns_MayBeFieldsOfStructs)
{
    const PromptSet set = load(R"({"question": "no", "extra": {"q": "yes", "n": 12}})", { "extra.q", "extra.n" });
    EXPECT_EQ(set.prompts[0].question, "yes");
    EXPECT_EQ(set.prompts[0].answer, "12");
}

TEST_F(PromptSetTest, ColumnNameWithDot_IsFound)
{
    EXPECT_EQ(load(R"({"a.b": "q", "answer": "1"})", { "a.b", "" }).prompts[0].question, "q");
}

TEST_F(PromptSetTest, Duplicates_AreRemovedByNormalizedText)
{
    const PromptSet set = load("{\"question\": \"caf\\u00e9  one\", \"answer\": \"1\"}\n"
                               "{\"question\": \"caf\\u00e9  one\", \"answer\": \"1\"}\n"
                               "{\"question\": \" cafe\\u0301\\u00a0one\\n\", \"answer\": \"1 \"}\n"
                               "{\"question\": \"Caf\\u00e9 one\", \"answer\": \"1\"}\n");
    EXPECT_EQ(set.prompts.size(), 2u);
    EXPECT_EQ(set.report.duplicates, 2);
    EXPECT_EQ(set.report.exactDuplicates, 1);
    EXPECT_TRUE(set.report.contradictions.empty());
}

TEST_F(PromptSetTest, Contradiction_ReportsRowsAndAnswers)
{
    const std::string first = file("a.jsonl", "{\"question\": \"q\", \"answer\": \"1\"}\n{\"question\": \"r\", \"answer\": \"1\"}\n");
    const std::string second = file("b.jsonl", "{\"question\": \"q\", \"answer\": \"2\"}\n{\"question\": \"q \", \"answer\": \"3\"}\n"
                                               "{\"question\": \"q\", \"answer\": \"1\"}\n");
    const PromptSet set = loadPrompts(std::vector { first, second });
    ASSERT_EQ(set.report.contradictions.size(), 1u);
    const Contradiction& contradiction = set.report.contradictions[0];
    ASSERT_EQ(contradiction.labels.size(), 3u);
    EXPECT_EQ(contradiction.labels[0].answer, "1");
    EXPECT_EQ(contradiction.labels[1].answer, "2");
    EXPECT_EQ(contradiction.labels[1].source.file, second);
    EXPECT_EQ(contradiction.labels[2].source.row, 2);
    EXPECT_EQ(set.report.exactContradictions, 1);
    EXPECT_EQ(set.prompts[0].answer, "1");
    EXPECT_THAT(join(describe(set.report), "\n"), AllOf(HasSubstr("5 rows, 2 different"), HasSubstr("b.jsonl: line 2")));
}

TEST_F(PromptSetTest, Hash_DependsOnContentAndOrderOnly)
{
    const std::string a = "{\"question\": \"a\", \"answer\": \"1\"}\n";
    const std::string b = "{\"question\": \"b\", \"answer\": \"2\"}\n";
    const PromptSet both = load(a + b);
    EXPECT_EQ(both.hash, loadPrompts(std::vector { file("x.jsonl", a), file("y.jsonl", b) }).hash);
    EXPECT_NE(both.hash, load(b + a).hash);
    EXPECT_NE(both.hash, load(a).hash);
    EXPECT_NE(load(a).hash, load("{\"question\": \"a\", \"answer\": \"2\"}").hash);
}

TEST_F(PromptSetTest, MalformedLine_NamesFileAndLine)
{
    EXPECT_THAT(errorOf("{\"question\": \"q\", \"answer\": \"1\"}\n{\"question\": \n"), AllOf(HasSubstr("set.jsonl: line 2"), HasSubstr("malformed")));
    EXPECT_THAT(errorOf("[1]\n"), AllOf(HasSubstr("line 1"), HasSubstr("expected a JSON object, found array")));
    EXPECT_THAT(errorOf("{\"question\": \"\xff\", \"answer\": \"1\"}"), HasSubstr("line 1"));
}

TEST_F(PromptSetTest, MissingColumn_NamesExpectedAndFound)
{
    EXPECT_THAT(errorOf(R"({"question": "q", "label": "1"})"), AllOf(HasSubstr("line 1: no answer"), HasSubstr("ground_truth"), HasSubstr("found label, question")));
    EXPECT_THAT(errorOf(R"({"text": "q", "answer": "1"})"), AllOf(HasSubstr("no question"), HasSubstr("data.question_column")));
    EXPECT_THAT(errorOf(R"({"question": "q", "answer": "1"})", { "", "truth" }), AllOf(HasSubstr("'truth'"), HasSubstr("data.answer_column")));
    EXPECT_THAT(errorOf(R"({"question": "q", "answer": null})"), HasSubstr("no answer"));
}

TEST_F(PromptSetTest, WrongType_NamesColumnAndValue)
{
    EXPECT_THAT(errorOf(R"({"question": 5, "answer": "1"})"), HasSubstr("column 'question': expected a string, found number 5"));
    EXPECT_THAT(errorOf(R"({"question": "q", "answer": ["1"]})"), HasSubstr("column 'answer': expected a string, found array"));
    EXPECT_THAT(errorOf(R"({"question": "q", "answer": true})"), HasSubstr("found boolean true"));
    EXPECT_THAT(errorOf(R"({"prompt": [{"role": "user"}], "answer": "1"})"), HasSubstr("role and content"));
    EXPECT_THAT(errorOf(R"({"prompt": [{"role": "system", "content": "s"}], "answer": "1"})"), HasSubstr("role 'user', found none"));
    EXPECT_THAT(errorOf(R"({"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "answer": "1"})"),
        HasSubstr("role 'assistant'"));
}

TEST_F(PromptSetTest, EmptyTexts_AreErrors)
{
    EXPECT_THAT(errorOf(R"({"question": " ", "answer": "1"})"), HasSubstr("column 'question': expected a text, found an empty one"));
    EXPECT_THAT(errorOf(R"({"question": "q", "answer": ""})"), HasSubstr("column 'answer'"));
}

TEST_F(PromptSetTest, EmptyFile_IsAnError)
{
    EXPECT_THAT(errorOf("\n \n"), AllOf(HasSubstr("set.jsonl"), HasSubstr("at least one prompt")));
    EXPECT_THROW(loadPrompts({}), Error);
}

TEST_F(PromptSetTest, WrongFiles_AreErrors)
{
    EXPECT_THROW(loadPrompts(std::vector { (m_folder / "none.jsonl").string() }), Error);
    try {
        loadPrompts(std::vector { file("a.csv", "question,answer\n") });
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("a.csv"), HasSubstr("found '.csv'")));
    }
}

TEST_F(PromptSetTest, CarriageReturnsAndByteOrderMark_AreAccepted)
{
    const PromptSet set = load("\xEF\xBB\xBF{\"question\": \"q\", \"answer\": \"1\"}\r\n{\"question\": \"r\", \"answer\": \"1\"}\r\n");
    EXPECT_EQ(set.prompts.size(), 2u);
}

TEST_F(PromptSetTest, SharedQuestions_AreCounted)
{
    const PromptSet train = load("{\"question\": \"a\", \"answer\": \"1\"}\n{\"question\": \"b\", \"answer\": \"1\"}\n");
    const PromptSet heldOut = load("{\"question\": \" b\", \"answer\": \"1\"}\n{\"question\": \"c\", \"answer\": \"1\"}\n");
    EXPECT_EQ(countShared(heldOut, train), 1);
}

} // namespace
} // namespace midpoint::data
