#include "backend/core/error.h"
#include "backend/launch/exit_record.h"
#include "backend/launch/held_runs.h"
#include "backend/launch/run_folder.h"
#include "backend/launch/supervisor.h"
#include "tests/support/fixtures.h"

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace midpoint::launch {
namespace {

using testing::HasSubstr;

template <typename Action>
Error errorOf(Action&& action)
{
    try {
        action();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "no error was thrown";
    return Error(ErrorKind::Internal, "");
}

TEST(RunFolder, Create_MakesTheFoldersAndKeepsWhatIsThere)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "a" / "b");
    test::write(folder.config(), "x = 1");
    RunFolder::create(temporary / "a" / "b/");
    EXPECT_EQ(test::read(folder.config()), "x = 1");
    EXPECT_TRUE(std::filesystem::is_directory(folder.commands()));
    EXPECT_TRUE(std::filesystem::is_directory(folder.checkpoints()));
    EXPECT_TRUE(std::filesystem::is_directory(folder.log(0).parent_path()));
    EXPECT_EQ(folder.name(), "b");
    EXPECT_EQ(RunFolder::open(temporary / "a" / "b/").name(), "b");
}

TEST(RunFolder, FileInTheWay_IsAnError)
{
    test::TemporaryFolder temporary;
    test::write(temporary / "run", "");
    EXPECT_THAT(errorOf([&] { RunFolder::create(temporary / "run"); }).what(), HasSubstr("found a file"));
    EXPECT_THAT(errorOf([&] { RunFolder::open(temporary / "run"); }).what(), HasSubstr("found a file"));
    EXPECT_THAT(errorOf([&] { RunFolder::open(temporary / "no"); }).what(), HasSubstr("found nothing there"));
}

TEST(RunFolder, FolderOfSomethingElse_IsRefusedNamingWhatLiesThere)
{
    test::TemporaryFolder temporary;
    std::filesystem::create_directories(temporary / "run" / "log");
    RunFolder::create(temporary / "run"); // what is made to start a run is no stranger
    std::filesystem::create_directories(temporary / "notes");
    test::write(temporary / "notes" / "mine.txt", "");
    EXPECT_THAT(errorOf([&] { RunFolder::create(temporary / "notes"); }).what(), HasSubstr("found a folder with 'mine.txt'"));
    EXPECT_FALSE(std::filesystem::exists(temporary / "notes" / "log"));
}

TEST(RunFolder, PlaceThatCannotBeWritten_IsAnErrorThatNamesIt)
{
    const Error error = errorOf([] { RunFolder::create("/proc/midpoint/run"); });
    EXPECT_EQ(error.kind(), ErrorKind::Io);
    EXPECT_THAT(error.what(), HasSubstr("/proc/midpoint"));
}

TEST(RunFolder, Find_ListsOnlyRuns)
{
    test::TemporaryFolder temporary;
    test::write(RunFolder::create(temporary / "b").config(), "");
    test::write(RunFolder::create(temporary / "a").database(), "");
    std::filesystem::create_directory(temporary / "other");
    const auto found = findRunFolders(temporary.path());
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].filename(), "a");
    EXPECT_EQ(found[1].filename(), "b");
    EXPECT_TRUE(findRunFolders(temporary / "missing").empty());
}

TEST(RunLock, SecondHolder_IsRefusedUntilTheFirstLetsGo)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    EXPECT_EQ(lockHolder(folder), std::nullopt);
    {
        const RunLock lock = RunLock::acquire(folder);
        ASSERT_TRUE(lockHolder(folder).has_value());
        EXPECT_EQ(lockHolder(folder)->pid, ::getpid());
        EXPECT_EQ(lockHolder(folder)->host, hostName());
        const Error error = errorOf([&] { RunLock::acquire(folder); });
        EXPECT_EQ(error.kind(), ErrorKind::Resource);
        EXPECT_THAT(error.what(), testing::AllOf(HasSubstr(folder.lock().string()), HasSubstr(std::to_string(::getpid()))));
    }
    EXPECT_EQ(lockHolder(folder), std::nullopt);
    EXPECT_EQ(lastLockHolder(folder)->pid, ::getpid());
    RunLock::acquire(folder);
}

TEST(RunLock, HeldOnes_AreFoundWhereverTheyLie)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(std::filesystem::canonical(temporary.path()) / "deep" / "run");
    const auto isFound = [&] {
        const auto runs = runsHeldOnThisMachine();
        return std::find(runs.begin(), runs.end(), folder.path()) != runs.end();
    };
    EXPECT_FALSE(isFound());
    {
        const RunLock lock = RunLock::acquire(folder);
        EXPECT_TRUE(isFound());
        const int onlyLookedAt = ::open(folder.lock().c_str(), O_RDONLY | O_CLOEXEC);
        EXPECT_TRUE(isFound());
        ::close(onlyLookedAt);
    }
    const int onlyLookedAt = ::open(folder.lock().c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_FALSE(isFound()) << "an open file is no lock";
    ::close(onlyLookedAt);
}

TEST(ExitRecord, EveryField_RoundTrips)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    EXPECT_EQ(readExitRecord(folder), std::nullopt);
    ExitRecord record;
    record.outcome = Outcome::Failed;
    record.code = 137;
    record.signal = 9;
    record.rank = 3;
    record.reason = "killed \"by\" someone\nelse";
    record.lastStep = 12;
    record.wallMs = 99;
    record.host = "here";
    writeExitRecord(folder, record);
    EXPECT_EQ(readExitRecord(folder), record);
    removeExitRecord(folder);
    EXPECT_EQ(readExitRecord(folder), std::nullopt);
    removeExitRecord(folder);
}

TEST(ExitRecord, Damaged_NamesTheFile)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    test::write(folder.exitRecord(), "{\"outcome\": \"sideways\"}");
    EXPECT_THAT(errorOf([&] { readExitRecord(folder); }).what(), testing::AllOf(HasSubstr("exit.json"), HasSubstr("sideways")));
}

TEST(ExitRecord, ProcessExitCode_IsTwoOnlyForWrongUse)
{
    ExitRecord record;
    EXPECT_EQ(processExitCode(record), 0);
    record.outcome = Outcome::Stopped;
    EXPECT_EQ(processExitCode(record), 0);
    record.outcome = Outcome::Failed;
    record.code = 139;
    EXPECT_EQ(processExitCode(record), 1);
    record.code = 2;
    EXPECT_EQ(processExitCode(record), 2);
}

TEST(RankEnvironment, Values_AreReadAndChecked)
{
    for (const char* name : { "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_PORT" })
        ::unsetenv(name);
    EXPECT_EQ(rankEnvironment().worldSize, 1);
    ::setenv("RANK", "2", 1);
    EXPECT_THAT(errorOf([] { rankEnvironment(); }).what(), HasSubstr("RANK below WORLD_SIZE"));
    ::setenv("WORLD_SIZE", "4", 1);
    EXPECT_EQ(rankEnvironment().rank, 2);
    EXPECT_EQ(rankEnvironment().localRank, 2);
    ::setenv("WORLD_SIZE", "four", 1);
    const Error error = errorOf([] { rankEnvironment(); });
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("WORLD_SIZE"), HasSubstr("'four'")));
    ::unsetenv("RANK");
    ::unsetenv("WORLD_SIZE");
}

} // namespace
} // namespace midpoint::launch
