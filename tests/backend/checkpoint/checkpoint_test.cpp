#include "backend/checkpoint/checkpoint.h"

#include "backend/core/error.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace fs = std::filesystem;
using namespace midpoint;
using namespace midpoint::checkpoint;
using testing::HasSubstr;

namespace {

class CheckpointTest : public testing::Test {
protected:
    fs::path writeStep(std::int64_t step, const std::string& content = "weights")
    {
        CheckpointWriter writer(m_folder.path(), step);
        writer.write("model.bin", content);
        writer.write("replay.bin", std::string(1000, 'x'));
        return writer.commit({ { "data", "abc" } });
    }
    std::string messageOfVerify(const fs::path& folder)
    {
        try {
            verify(folder);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::Checkpoint);
            return error.what();
        }
        return "";
    }
    test::TemporaryFolder m_folder;
    std::unique_ptr<LogSink> m_log = makeNullSink();
};

} // namespace

TEST_F(CheckpointTest, Commit_TwoFiles_VerifiesWithFacts)
{
    const fs::path folder = writeStep(120);
    EXPECT_EQ(folder.filename(), "step_000120");
    const Manifest manifest = verify(folder);
    EXPECT_EQ(manifest.step, 120);
    EXPECT_EQ(manifest.facts.at("data"), "abc");
    EXPECT_EQ(manifest.files.size(), 2U);
    EXPECT_EQ(manifest.files.at("replay.bin").bytes, 1000U);
}

TEST_F(CheckpointTest, Writer_DestroyedBeforeCommit_LeavesNothing)
{
    {
        CheckpointWriter writer(m_folder.path(), 1);
        writer.write("model.bin", "half");
    }
    EXPECT_TRUE(fs::is_empty(m_folder.path()));
}

TEST_F(CheckpointTest, Commit_SameStepAgain_ReplacesTheOld)
{
    writeStep(5, "old");
    const fs::path folder = writeStep(5, "new");
    EXPECT_EQ(test::read(folder / "model.bin"), "new");
    verify(folder);
    EXPECT_EQ(list(m_folder.path()).size(), 1U);
}

TEST_F(CheckpointTest, Verify_FlippedByte_NamesFileAndChecksums)
{
    const fs::path folder = writeStep(1);
    std::string content = test::read(folder / "replay.bin");
    content[500] = 'y';
    test::write(folder / "replay.bin", content);
    EXPECT_THAT(messageOfVerify(folder), testing::AllOf(HasSubstr("replay.bin"), HasSubstr("expected checksum")));
}

TEST_F(CheckpointTest, Verify_ShorterFile_NamesSizes)
{
    const fs::path folder = writeStep(1);
    test::write(folder / "replay.bin", "short");
    EXPECT_THAT(messageOfVerify(folder), testing::AllOf(HasSubstr("1000 bytes"), HasSubstr("5 bytes")));
}

TEST_F(CheckpointTest, Verify_MissingFile_NamesIt)
{
    const fs::path folder = writeStep(1);
    fs::remove(folder / "model.bin");
    EXPECT_THAT(messageOfVerify(folder), testing::AllOf(HasSubstr("model.bin"), HasSubstr("no such file")));
}

TEST_F(CheckpointTest, Verify_ManifestNotJson_SaysSo)
{
    const fs::path folder = writeStep(1);
    test::write(folder / "manifest.json", "{ \"step\": ");
    EXPECT_THAT(messageOfVerify(folder), HasSubstr("manifest.json"));
}

TEST_F(CheckpointTest, NewestComplete_NewestDamaged_TakesTheOneBefore)
{
    writeStep(10);
    const fs::path newest = writeStep(20);
    test::write(newest / "model.bin", "Weights");
    EXPECT_EQ(newestComplete(m_folder.path(), *m_log)->filename(), "step_000010");
}

TEST_F(CheckpointTest, NewestComplete_NoFolder_IsEmpty)
{
    EXPECT_FALSE(newestComplete(m_folder / "absent", *m_log).has_value());
}

TEST_F(CheckpointTest, NewestComplete_CrashBetweenRenames_RestoresTheReplaced)
{
    const fs::path folder = writeStep(7);
    fs::rename(folder, folder.string() + ".replaced");
    EXPECT_EQ(newestComplete(m_folder.path(), *m_log)->filename(), "step_000007");
}

TEST_F(CheckpointTest, RemoveOld_KeepTwo_LeavesTheNewestTwoAndNoHalf)
{
    for (const std::int64_t step : { 1, 2, 3, 1000000 })
        writeStep(step);
    fs::create_directories(m_folder / "step_000004.writing");
    removeOld(m_folder.path(), 2);
    const std::vector<fs::path> left = list(m_folder.path());
    ASSERT_EQ(left.size(), 2U);
    EXPECT_EQ(left[0].filename(), "step_000003");
    EXPECT_EQ(left[1].filename(), "step_1000000");
    EXPECT_FALSE(fs::exists(m_folder / "step_000004.writing"));
}

TEST_F(CheckpointTest, Writer_FileInTheWay_SaysWhere)
{
    test::write(m_folder / "file", "");
    try {
        CheckpointWriter writer(m_folder / "file", 1);
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Io);
        EXPECT_THAT(error.what(), HasSubstr("file"));
    }
}
