// What a reader says about databases that are missing, foreign, damaged, newer, copied or read-only, and that it writes nothing.
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/store/run_reader.h"
#include "tests/support/fake_run.h"
#include "tests/support/fixtures.h"
#include "tests/support/held_database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <sys/stat.h>
#include <unistd.h>

namespace midpoint::store {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string errorOfReading(const std::filesystem::path& path)
{
    try {
        const RunReader reader(path);
        reader.allSeries();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Store);
        return error.what();
    }
    ADD_FAILURE() << path << " was read";
    return {};
}

// Names and contents of everything in a folder.
std::map<std::string, std::string> contentsOf(const std::filesystem::path& folder)
{
    std::map<std::string, std::string> contents;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        contents[entry.path().filename().string()] = checksumFile(entry.path());
    return contents;
}

// A run whose writer died: the newest steps are only in the write-ahead log.
void writeKilledRun(const test::TemporaryFolder& folder, const std::filesystem::path& copy)
{
    test::FakeRun run(folder / "live", {});
    run.writeThrough(7);
    std::filesystem::copy(folder / "live", copy, std::filesystem::copy_options::recursive);
}

TEST(RunReader, NothingThere_SaysWhatWasExpected)
{
    EXPECT_THAT(errorOfReading("/nonexistent/run.db"), AllOf(HasSubstr("/nonexistent/run.db"), HasSubstr("expected a run database"), HasSubstr("found nothing")));
    test::TemporaryFolder folder;
    EXPECT_THAT(errorOfReading(folder.path()), HasSubstr((folder / "run.db").string()));
}

TEST(RunReader, FileOfAnotherKind_SaysSo)
{
    test::TemporaryFolder folder;
    test::write(folder / "run.db", std::string(8192, 'x'));
    EXPECT_THAT(errorOfReading(folder.path()), AllOf(HasSubstr("run.db"), HasSubstr("expected an SQLite database")));
    test::write(folder / "run.db", "");
    EXPECT_THAT(errorOfReading(folder.path()), HasSubstr("found an empty database"));
}

TEST(RunReader, RolloutDatabase_IsNoRunDatabase)
{
    test::TemporaryFolder folder;
    test::writeFakeRun(folder.path());
    EXPECT_THAT(errorOfReading(folder / "rollouts.db"), AllOf(HasSubstr("expected a Midpoint run database"), HasSubstr("found application id")));
}

TEST(RunReader, NewerSchema_NamesBothVersions)
{
    test::TemporaryFolder folder;
    test::writeFakeRun(folder.path());
    test::runSql(folder / "run.db", "PRAGMA user_version=99");
    EXPECT_THAT(errorOfReading(folder.path()), AllOf(HasSubstr("version 1 or older"), HasSubstr("found version 99"), HasSubstr("newer Midpoint")));
}

TEST(RunReader, TruncatedFile_NamesBothSizes)
{
    test::TemporaryFolder folder;
    test::writeFakeRun(folder.path());
    const auto size = std::filesystem::file_size(folder / "run.db");
    std::filesystem::resize_file(folder / "run.db", size / 2 / 4096 * 4096);
    EXPECT_THAT(errorOfReading(folder.path()), AllOf(HasSubstr("run.db"), testing::AnyOf(HasSubstr("cut short"), HasSubstr("malformed"))));
    std::filesystem::resize_file(folder / "run.db", 1000);
    EXPECT_THAT(errorOfReading(folder.path()), HasSubstr("run.db"));
}

TEST(RunReader, OverwrittenPages_AreAnError)
{
    test::TemporaryFolder folder;
    test::writeFakeRun(folder.path());
    std::string bytes = test::read(folder / "run.db");
    for (std::size_t i = 2 * 4096; i < bytes.size(); ++i)
        bytes[i] = static_cast<char>(i * 31);
    test::write(folder / "run.db", bytes);
    EXPECT_THAT(errorOfReading(folder.path()), HasSubstr("run.db"));
}

TEST(RunReader, FinishedRun_ReadsWithoutWritingAnything)
{
    test::TemporaryFolder folder;
    test::writeFakeRun(folder.path());
    const auto before = contentsOf(folder.path());
    RunReader reader(folder.path());
    EXPECT_EQ(reader.progress().lastStep, 60);
    EXPECT_FALSE(reader.allSeries().empty());
    EXPECT_FALSE(reader.isSnapshot());
    EXPECT_EQ(contentsOf(folder.path()), before);
}

TEST(RunReader, LiveRun_MakesNoFileBesideIt)
{
    test::TemporaryFolder folder;
    test::FakeRun run(folder.path(), {});
    run.writeThrough(5);
    std::vector<std::string> before;
    for (const auto& [name, content] : contentsOf(folder.path()))
        before.push_back(name);
    EXPECT_EQ(RunReader(folder.path()).progress().lastStep, 5);
    std::vector<std::string> after;
    for (const auto& [name, content] : contentsOf(folder.path()))
        after.push_back(name);
    EXPECT_EQ(after, before);
    run.writeThrough(6);
}

TEST(RunReader, ReaderStaysOpen_WriterStillLeavesWalMode)
{
    test::TemporaryFolder folder;
    test::FakeRun run(folder.path(), {});
    run.writeThrough(5);
    const RunReader reader(folder.path());
    EXPECT_EQ(reader.progress().lastStep, 5);
    run.writeThrough(8);
    run.finish();
    EXPECT_FALSE(std::filesystem::exists(folder / "run.db-wal"));
    EXPECT_EQ(reader.progress().lastStep, 8);
}

TEST(RunReader, CopyOfARunWithItsLog_ShowsTheNewestStepAndStaysUntouched)
{
    test::TemporaryFolder folder;
    writeKilledRun(folder, folder / "copy");
    std::filesystem::remove(folder / "copy" / "run.db-shm");
    const auto before = contentsOf(folder / "copy");
    ASSERT_TRUE(before.contains("run.db-wal"));
    RunReader reader(folder / "copy");
    EXPECT_EQ(reader.progress().lastStep, 7);
    EXPECT_TRUE(reader.isSnapshot());
    EXPECT_GT(reader.asOfMs(), 0);
    EXPECT_EQ(contentsOf(folder / "copy"), before);
}

TEST(RunReader, CopyWithoutItsLog_ShowsWhatTheFileHolds)
{
    test::TemporaryFolder folder;
    {
        test::FakeRun run(folder / "live", {});
        run.writeThrough(3);
        run.writer().makeDurable(); // everything so far is in the file
        run.writeThrough(7);
        std::filesystem::create_directory(folder / "copy");
        std::filesystem::copy_file(folder / "live" / "run.db", folder / "copy" / "run.db");
    }
    EXPECT_EQ(RunReader(folder / "copy").progress().lastStep, 3);
    EXPECT_EQ(contentsOf(folder / "copy").size(), 1u);
}

TEST(RunReader, ReadOnlyFolderWithALog_IsReadFromAPrivateCopy)
{
    if (::geteuid() == 0)
        GTEST_SKIP() << "root may write everywhere";
    test::TemporaryFolder folder;
    writeKilledRun(folder, folder / "copy");
    const auto before = contentsOf(folder / "copy");
    ::chmod((folder / "copy").c_str(), 0555);
    EXPECT_EQ(RunReader(folder / "copy").progress().lastStep, 7);
    ::chmod((folder / "copy").c_str(), 0755);
    EXPECT_EQ(contentsOf(folder / "copy"), before);
}

TEST(RunReader, PathWithSpecialCharacters_Opens)
{
    test::TemporaryFolder folder;
    test::writeFakeRun(folder / "50% of a run? #1");
    EXPECT_EQ(RunReader(folder / "50% of a run? #1").progress().lastStep, 60);
}

} // namespace
} // namespace midpoint::store
