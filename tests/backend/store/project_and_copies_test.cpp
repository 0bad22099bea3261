// project.db, snapshots, publication for network file systems, a full disk.
#include "backend/core/error.h"
#include "backend/store/project_store.h"
#include "backend/store/publication.h"
#include "backend/store/run_reader.h"
#include "backend/store/snapshot.h"
#include "tests/support/fake_run.h"
#include "tests/support/fixtures.h"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace midpoint::store {
namespace {

using testing::HasSubstr;

TEST(ProjectStore, NotesTagsSettingsAndDrafts_SurviveReopening)
{
    test::TemporaryFolder folder;
    const RunNotes notes { "the good one", { "dots", "paper" }, true, 3 };
    {
        ProjectStore project(folder / "project.db");
        project.setNotes("runs/a", notes);
        project.setNotes("runs/b", { "", { "x" }, false, -1 });
        project.setSetting("layout", std::string("\0\1binary", 8));
        project.saveDraft("new run", "[run]\nsteps = 3\n");
    }
    EXPECT_FALSE(std::filesystem::exists(folder / "project.db-wal"));
    ProjectStore project(folder / "project.db");
    EXPECT_EQ(project.notes("runs/a"), notes);
    EXPECT_EQ(project.notes("unknown"), RunNotes());
    EXPECT_EQ(project.allNotes().size(), 2u);
    EXPECT_EQ(project.setting("layout"), std::string("\0\1binary", 8));
    EXPECT_EQ(project.setting("other"), std::nullopt);
    ASSERT_EQ(project.drafts().size(), 1u);
    EXPECT_EQ(project.drafts()[0].text, "[run]\nsteps = 3\n");
    project.renameRun("runs/a", "runs/c");
    EXPECT_EQ(project.notes("runs/c"), notes);
    EXPECT_EQ(project.notes("runs/a"), RunNotes());
    project.setNotes("runs/c", { "", { "only" }, false, 3 });
    EXPECT_THAT(project.notes("runs/c").tags, testing::ElementsAre("only"));
    project.forgetRun("runs/c");
    EXPECT_EQ(project.notes("runs/c"), RunNotes());
    project.removeSetting("layout");
    EXPECT_EQ(project.setting("layout"), std::nullopt);
    project.removeDraft("new run");
    EXPECT_TRUE(project.drafts().empty());
}

TEST(ProjectStore, FileOfAnotherKind_IsRefused)
{
    test::TemporaryFolder folder;
    test::writeFakeRun(folder.path());
    EXPECT_THROW(ProjectStore project(folder / "run.db"), Error);
    EXPECT_EQ(RunReader(folder.path()).progress().lastStep, 60);
}

TEST(Snapshot, LiveRun_IsOneFileWithEverything)
{
    test::TemporaryFolder folder;
    test::FakeRun run(folder / "run", {});
    run.writeThrough(20);
    writeSnapshot(folder / "run", folder / "all.db", WithRollouts::Yes);
    writeSnapshot(folder / "run", folder / "small.db", WithRollouts::No);
    run.writeThrough(30);
    EXPECT_EQ(RunReader(folder / "all.db").progress().lastStep, 20);
    EXPECT_EQ(RunReader(folder / "small.db").progress().lastStep, 20);
    const RolloutReader rollouts(folder / "all.db");
    EXPECT_EQ(rollouts.steps(), (std::vector<std::int64_t> { 5, 10, 15, 20 }));
    EXPECT_EQ(rollouts.groups(10).size(), RolloutReader(folder / "run").groups(10).size());
    EXPECT_FALSE(rollouts.groups(10)[0].rollouts[0].rollout.text.empty());
    EXPECT_THROW(RolloutReader reader(folder / "small.db"), Error);
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path()))
        ++files;
    EXPECT_EQ(files, 3u);
}

TEST(Snapshot, ExistingFileOrMissingRun_IsAnError)
{
    test::TemporaryFolder folder;
    test::writeFakeRun(folder / "run");
    test::write(folder / "there.db", "precious");
    EXPECT_THROW(writeSnapshot(folder / "run", folder / "there.db", WithRollouts::No), Error);
    EXPECT_EQ(test::read(folder / "there.db"), "precious");
    EXPECT_THROW(writeSnapshot(folder / "no", folder / "new.db", WithRollouts::No), Error);
    EXPECT_THROW(writeSnapshot(folder / "run", folder / "no" / "new.db", WithRollouts::No), Error);
    EXPECT_FALSE(std::filesystem::exists(folder / "new.db"));
}

TEST(Publication, LocalFolder_NeedsNone)
{
    test::TemporaryFolder folder;
    EXPECT_EQ(networkFileSystem(folder.path()), "");
    EXPECT_EQ(databaseFolderFor(folder.path()), folder.path());
    const std::filesystem::path chosen = databaseFolderFor(folder.path(), folder / "scratch");
    EXPECT_EQ(chosen.parent_path(), folder / "scratch") << "whoever names a place gets it";
    EXPECT_EQ(chosen, databaseFolderFor(folder.path(), folder / "scratch")) << "and finds it again";
    EXPECT_NE(chosen, databaseFolderFor(folder / "other", folder / "scratch"));
    EXPECT_THROW(networkFileSystem(folder / "missing"), Error);
}

TEST(Publication, RunElsewhere_IsPublishedWholeAndResumesFromThePublishedCopy)
{
    test::TemporaryFolder folder;
    std::filesystem::create_directories(folder / "run");
    std::filesystem::create_directories(folder / "local");
    RunWriterOptions options;
    options.folder = folder / "run";
    options.databaseFolder = folder / "local";
    options.publishEverySeconds = 0.0;
    std::int64_t first = 0;
    {
        RunWriter writer(options);
        for (std::int64_t step = 1; step <= 5; ++step)
            writer.commitStep(test::fakeStep({}, step));
        writer.makeDurable();
        RunReader reader(folder / "run");
        EXPECT_EQ(reader.progress().lastStep, 5);
        EXPECT_TRUE(reader.isSnapshot());
        first = reader.newMetrics(0).lastRow;
        EXPECT_GT(first, 0);
    }
    EXPECT_FALSE(std::filesystem::exists(folder / "run" / "run.db-wal"));
    std::filesystem::remove_all(folder / "local"); // another host, or a cleaned disk
    std::filesystem::create_directories(folder / "local");
    options.keepThroughStep = 5;
    RunWriter writer(options);
    writer.commitStep(test::fakeStep({}, 6));
    writer.finish();
    const RunReader reader(folder / "run");
    EXPECT_EQ(reader.progress().lastStep, 6);
    EXPECT_FALSE(reader.newMetrics(first).restarted);
}

// Steps `first` to `last`, with their rollouts, of a run that is written in `local`; left without an end, as after a kill.
void writeLocally(const std::filesystem::path& run, const std::filesystem::path& local, std::int64_t first, std::int64_t last)
{
    RunWriterOptions options;
    options.folder = run;
    options.databaseFolder = local;
    options.publishEverySeconds = 0.0;
    const std::optional<std::int64_t> keep = first > 1 ? std::optional(first - 1) : std::nullopt;
    options.keepThroughStep = keep;
    RunWriter writer(options);
    RolloutStoreOptions rolloutOptions;
    rolloutOptions.published = run / "rollouts.db";
    rolloutOptions.publishEverySeconds = 0.0;
    RolloutStore rollouts(local / "rollouts.db", rolloutOptions, keep);
    StoredGroup group;
    group.rollouts.resize(2);
    for (std::int64_t step = first; step <= last; ++step) {
        writer.commitStep(test::fakeStep({}, step));
        rollouts.append(step, std::vector<StoredGroup> { group });
    }
    writer.makeDurable(); // as for a checkpoint
    rollouts.publish();
}

TEST(Publication, RunThatWentOnElsewhere_IsTakenFromThereAndNotFromAnOldLocalCopy)
{
    test::TemporaryFolder folder;
    std::filesystem::create_directories(folder / "run");
    writeLocally(folder / "run", folder / "here", 1, 3);
    writeLocally(folder / "run", folder / "there", 4, 6); // another host
    writeLocally(folder / "run", folder / "here", 7, 8);  // and back: the copy of steps 1 to 3 still lies here
    EXPECT_EQ(RunReader(folder / "run").progress().lastStep, 8);
    EXPECT_EQ(RunReader(folder / "run").newMetrics(0).restarted, false);
    std::vector<std::int64_t> steps = RolloutReader(folder / "run").steps();
    std::sort(steps.begin(), steps.end());
    EXPECT_EQ(steps, (std::vector<std::int64_t> { 1, 2, 3, 4, 5, 6, 7, 8 }));
}

TEST(Publication, RunFolderBegunAnew_DoesNotMeetTheOldLocalCopy)
{
    test::TemporaryFolder folder;
    std::filesystem::create_directories(folder / "run");
    writeLocally(folder / "run", folder / "here", 1, 3);
    std::filesystem::remove_all(folder / "run");
    std::filesystem::create_directories(folder / "run");
    writeLocally(folder / "run", folder / "here", 1, 2);
    EXPECT_EQ(RunReader(folder / "run").progress().lastStep, 2);
    EXPECT_EQ(RolloutReader(folder / "run").steps().size(), 2U);
}

TEST(Publication, CleanEnd_LeavesNothingOnTheLocalDisk)
{
    test::TemporaryFolder folder;
    std::filesystem::create_directories(folder / "run");
    RunWriterOptions options;
    options.folder = folder / "run";
    options.databaseFolder = folder / "here";
    RunWriter writer(options);
    writer.commitStep(test::fakeStep({}, 1));
    writer.finish();
    EXPECT_FALSE(std::filesystem::exists(folder / "here"));
    EXPECT_EQ(RunReader(folder / "run").progress().lastStep, 1);
}

// A limit on file sizes fails writes as a full disk does.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes)
        : m_handler(std::signal(SIGXFSZ, SIG_IGN))
    {
        ::getrlimit(RLIMIT_FSIZE, &m_before);
        const rlimit limit { bytes, m_before.rlim_max };
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit()
    {
        ::setrlimit(RLIMIT_FSIZE, &m_before);
        std::signal(SIGXFSZ, m_handler);
    }

private:
    rlimit m_before {};
    void (*m_handler)(int);
};

TEST(RunWriter, FullDisk_IsAnErrorAndNothingIsHalfWritten)
{
    test::TemporaryFolder folder;
    std::int64_t last = 0;
    {
        test::FakeRun run(folder.path(), {});
        run.writeThrough(10);
        const FileSizeLimit limit(std::filesystem::file_size(folder / "run.db-wal") + 20'000);
        try {
            for (int i = 0; i < 1000; ++i)
                run.writer().commitStep(test::fakeStep({}, 11 + i));
            FAIL() << "the limit had no effect";
        } catch (const Error& error) {
            EXPECT_THAT(error.what(), HasSubstr(folder.path().string()));
        }
        last = run.writer().lastStep().value();
    }
    const RunReader reader(folder.path());
    EXPECT_EQ(reader.progress().lastStep, last);
    EXPECT_EQ(reader.metricsAt(last).size(), test::fakeStep({}, last).metrics.size());
    test::FakeRun again(folder.path(), {}, last);
    again.writeThrough(last + 1);
    EXPECT_EQ(RunReader(folder.path()).progress().lastStep, last + 1);
}

} // namespace
} // namespace midpoint::store
