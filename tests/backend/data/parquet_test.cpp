// Parquet files are written here with Arrow, as data sets in the wild write them, and read back as prompt sets.
#include "backend/core/error.h"
#include "backend/data/prompt_set.h"
#include "tests/support/fixtures.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>

namespace midpoint::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::shared_ptr<arrow::Array> texts(const std::vector<std::string>& values)
{
    arrow::StringBuilder builder;
    EXPECT_TRUE(builder.AppendValues(values).ok());
    return *builder.Finish();
}

std::shared_ptr<arrow::Array> integers(const std::vector<std::int64_t>& values)
{
    arrow::Int64Builder builder;
    EXPECT_TRUE(builder.AppendValues(values).ok());
    return *builder.Finish();
}

std::shared_ptr<arrow::Array> structOf(const std::string& name, std::shared_ptr<arrow::Array> values)
{
    return *arrow::StructArray::Make({ std::move(values) }, std::vector<std::string> { name });
}

// Lists of messages, as many per row as `offsets` says.
std::shared_ptr<arrow::Array> conversations(
    const std::vector<std::int32_t>& offsets, const std::vector<std::string>& roles, const std::vector<std::string>& contents)
{
    arrow::Int32Builder builder;
    EXPECT_TRUE(builder.AppendValues(offsets).ok());
    const auto messages = *arrow::StructArray::Make({ texts(contents), texts(roles) }, std::vector<std::string> { "content", "role" });
    return *arrow::ListArray::FromArrays(**builder.Finish(), *messages);
}

class ParquetTest : public testing::Test {
protected:
    std::string write(const std::vector<std::string>& names, const std::vector<std::shared_ptr<arrow::Array>>& columns)
    {
        std::vector<std::shared_ptr<arrow::Field>> fields;
        for (std::size_t i = 0; i < names.size(); ++i)
            fields.push_back(arrow::field(names[i], columns[i]->type()));
        const auto table = arrow::Table::Make(arrow::schema(fields), columns);
        const std::string path = (m_folder / "set.parquet").string();
        const auto output = *arrow::io::FileOutputStream::Open(path);
        constexpr std::int64_t kRowsPerGroup = 2; // so that several groups are read
        EXPECT_TRUE(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), output, kRowsPerGroup).ok());
        EXPECT_TRUE(output->Close().ok());
        return path;
    }
    static std::string errorOf(const std::string& path)
    {
        try {
            loadPrompts(std::vector { path });
        } catch (const Error& error) {
            return error.what();
        }
        ADD_FAILURE() << "no error";
        return {};
    }

    test::TemporaryFolder m_folder;
};

TEST_F(ParquetTest, PlainColumns_AreReadOverRowGroups)
{
    const PromptSet set = loadPrompts(std::vector { write({ "problem", "answer", "other" },
        { texts({ "a", "b", "c" }), integers({ 1, -2, 3 }), integers({ 0, 0, 0 }) }) });
    ASSERT_EQ(set.prompts.size(), 3u);
    EXPECT_EQ(set.prompts[1].answer, "-2");
    EXPECT_EQ(set.prompts[2].question, "c");
    EXPECT_EQ(set.prompts[2].source.row, 2);
    EXPECT_THAT(describe(set.prompts[2].source), HasSubstr("set.parquet: row 2"));
}

TEST_F(ParquetTest, VerlColumns_AreRead)
{
    const PromptSet set = loadPrompts(std::vector { write({ "data_source", "prompt", "reward_model" },
        { texts({ "d", "e" }), conversations({ 0, 2, 3 }, { "system", "user", "user" }, { "S", "Q", "R" }),
            structOf("ground_truth", texts({ "1", "2" })) }) });
    ASSERT_EQ(set.prompts.size(), 2u);
    EXPECT_EQ(set.prompts[0].system, "S");
    EXPECT_EQ(set.prompts[0].question, "Q");
    EXPECT_EQ(set.prompts[1].question, "R");
    EXPECT_EQ(set.prompts[1].answer, "2");
    EXPECT_EQ(set.prompts[1].dataSource, "e");
}

TEST_F(ParquetTest, MissingColumn_ListsTheFilesColumns)
{
    EXPECT_THAT(errorOf(write({ "question", "label" }, { texts({ "q" }), texts({ "1" }) })),
        AllOf(HasSubstr("set.parquet: no answer"), HasSubstr("reward_model"), HasSubstr("found question, label")));
}

TEST_F(ParquetTest, WrongType_NamesRowAndColumn)
{
    EXPECT_THAT(errorOf(write({ "question", "answer" }, { integers({ 5 }), texts({ "1" }) })),
        AllOf(HasSubstr("set.parquet: row 0"), HasSubstr("column 'question': expected a string, found number 5")));
}

TEST_F(ParquetTest, NullAnswer_IsAnErrorWithItsRow)
{
    arrow::StringBuilder builder;
    ASSERT_TRUE(builder.Append("1").ok());
    ASSERT_TRUE(builder.AppendNull().ok());
    EXPECT_THAT(errorOf(write({ "question", "answer" }, { texts({ "q", "r" }), *builder.Finish() })), HasSubstr("row 1: no answer"));
}

TEST_F(ParquetTest, EmptyTable_IsAnError)
{
    EXPECT_THAT(errorOf(write({ "question", "answer" }, { texts({}), texts({}) })), HasSubstr("at least one prompt"));
}

TEST_F(ParquetTest, OtherContent_IsAnError)
{
    test::write(m_folder / "bad.parquet", "this is no Parquet file at all");
    EXPECT_THAT(errorOf((m_folder / "bad.parquet").string()), AllOf(HasSubstr("bad.parquet"), HasSubstr("readable Parquet file")));
    EXPECT_THAT(errorOf((m_folder / "none.parquet").string()), AllOf(HasSubstr("none.parquet"), HasSubstr("cannot open")));
}

} // namespace
} // namespace midpoint::data
