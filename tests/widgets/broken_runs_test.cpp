// SPDX-License-Identifier: GPL-3.0-or-later
// Runs that cannot be read, or only in part: the strip says what and where, everything else goes on, and nothing is written.
#include "tests/support/fake_run.h"
#include "tests/support/held_database.h"
#include "tests/widgets/window_fixture.h"
#include "widgets/common/action_registry.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/project_model.h"

#include <QLabel>
#include <QTableView>
#include <QToolButton>

#include <fcntl.h>
#include <set>
#include <string>
#include <sys/mount.h>
#include <unistd.h>

namespace midpoint::gui {
namespace {

namespace fs = std::filesystem;
using test::waitFor;

std::map<std::string, std::uintmax_t> filesBelow(const fs::path& folder)
{
    std::map<std::string, std::uintmax_t> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        files[entry.path().string()] = entry.is_regular_file() ? entry.file_size() : 0;
    return files;
}

class BrokenRunsTest : public WindowFixture {
protected:
    BrokenRunsTest()
        : victim(folder / "victim")
    {
        test::writeFakeRun(victim, {});
    }
    QString strip() { return child<QLabel>("troubleStripText")->text(); }
    bool isStripShown() { return child<QWidget>("troubleStrip")->isVisible(); }
    void openWhole()
    {
        openRun(victim);
        ASSERT_TRUE(waitFor([this] { return run().header().step == 60; }));
        ASSERT_FALSE(isStripShown());
    }
    // Every screen with what there is to show.
    void visitAll()
    {
        for (const QString& name : window->screenNames()) {
            window->showScreen(name);
            waitFor([] { return false; }, 60);
        }
    }

    fs::path victim;
};

TEST_F(BrokenRunsTest, NewerDatabase_SaysSoAndIsLeftAlone)
{
    test::runSql(victim / "run.db", "PRAGMA user_version=99");
    const auto before = filesBelow(victim);
    window->openPath(victim);
    ASSERT_TRUE(waitFor([this] { return isStripShown(); }));
    EXPECT_TRUE(strip().contains(QStringLiteral("victim"))) << qPrintable(strip());
    EXPECT_TRUE(strip().contains(QStringLiteral("newer"))) << qPrintable(strip());
    EXPECT_TRUE(strip().contains(QStringLiteral("still work"))) << "what can be done all the same";
    visitAll();
    EXPECT_EQ(filesBelow(victim), before);
}

TEST_F(BrokenRunsTest, TruncatedDatabase_SaysSoAndIsLeftAlone)
{
    fs::resize_file(victim / "run.db", fs::file_size(victim / "run.db") / 3);
    const auto before = filesBelow(victim);
    window->openPath(victim);
    ASSERT_TRUE(waitFor([this] { return isStripShown(); }));
    EXPECT_TRUE(strip().contains(QStringLiteral("victim"))) << qPrintable(strip());
    visitAll();
    EXPECT_EQ(filesBelow(victim), before);
}

TEST_F(BrokenRunsTest, DatabaseOfZeroBytes_IsARunThatHasRecordedNothing)
{
    fs::resize_file(victim / "run.db", 0);
    window->openPath(victim);
    ASSERT_TRUE(waitFor([this] { return isStripShown(); }));
    EXPECT_TRUE(strip().contains(QStringLiteral("victim"))) << qPrintable(strip());
    visitAll();
    EXPECT_EQ(fs::file_size(victim / "run.db"), 0u);
}

TEST_F(BrokenRunsTest, TruncatedRollouts_TellOnTheirScreenOnly)
{
    fs::resize_file(victim / "rollouts.db", 2000);
    openWhole();
    window->showScreen(QStringLiteral("rollouts"));
    auto* nothing = window->findChild<QLabel*>(QStringLiteral("rolloutsNothing"));
    ASSERT_TRUE(waitFor([&] { return nothing->isVisible() && nothing->text().contains(QStringLiteral("other screens still work")); }))
        << qPrintable(nothing->text());
    EXPECT_FALSE(isStripShown());
}

TEST_F(BrokenRunsTest, RunRemovedWhileOpen_KeepsWhatWasRead)
{
    openWhole();
    fs::remove_all(victim);
    ASSERT_TRUE(waitFor([this] { return isStripShown(); }));
    EXPECT_TRUE(strip().contains(QStringLiteral("victim"))) << qPrintable(strip());
    EXPECT_EQ(run().header().step, 60);
    EXPECT_TRUE(run().last("critic/rewards/mean"));
    visitAll();
    EXPECT_FALSE(fs::exists(victim)) << "and nothing is made in its place";
}

TEST_F(BrokenRunsTest, DatabaseRemovedWhileOpen_KeepsWhatWasRead)
{
    openWhole();
    fs::rename(victim / "run.db", victim / "elsewhere.db");
    ASSERT_TRUE(waitFor([this] { return isStripShown(); }));
    EXPECT_TRUE(strip().contains(QStringLiteral("victim/run.db is gone"))) << qPrintable(strip());
    EXPECT_EQ(run().header().step, 60);
    visitAll();
    EXPECT_TRUE(isStripShown()) << "until it is back";
    fs::rename(victim / "elsewhere.db", victim / "run.db");
    EXPECT_TRUE(waitFor([this] { return !isStripShown(); }));
    fs::remove(victim / "run.db");
    ASSERT_TRUE(waitFor([this] { return isStripShown(); }));
    EXPECT_FALSE(fs::exists(victim / "run.db"));
}

TEST_F(BrokenRunsTest, EndedRunWithoutDatabase_SaysSo)
{
    fs::remove(victim / "run.db");
    test::write(victim / "exit.json", "{\"code\": 0, \"outcome\": \"finished\", \"reason\": \"finished after step 60\", \"last_step\": 60}");
    window->openPath(victim);
    ASSERT_TRUE(waitFor([this] { return isStripShown(); }));
    EXPECT_TRUE(strip().contains(QStringLiteral("victim/run.db is not there"))) << qPrintable(strip());
    visitAll();
    EXPECT_FALSE(fs::exists(victim / "run.db"));
}

TEST_F(BrokenRunsTest, DatabaseLockedByAnotherProgram_IsReadAllTheSame)
{
    const test::HeldDatabase held(victim / "run.db", test::HeldDatabase::Lock::Everything);
    openWhole();
    visitAll();
}

TEST_F(BrokenRunsTest, HalfWrittenCheckpointAndExitRecord_DoNotHideTheRun)
{
    fs::create_directories(victim / "checkpoints" / "step_000060");
    test::write(victim / "checkpoints" / "step_000060" / "manifest.json", "{\"files\": [");
    test::write(victim / "exit.json", "{\"outcome\": ");
    window->openPath(victim);
    ASSERT_TRUE(waitFor([this] { return run().isLoaded() && run().header().step == 60 && isStripShown(); }));
    EXPECT_TRUE(strip().contains(QStringLiteral("exit.json"))) << qPrintable(strip());
    EXPECT_TRUE(strip().contains(QStringLiteral("step_000060/manifest.json"))) << qPrintable(strip());
    EXPECT_TRUE(strip().contains(QStringLiteral("there is no other one to resume from"))) << qPrintable(strip());
    visitAll();
}

TEST_F(BrokenRunsTest, CheckpointCutShort_IsNamedWithTheOneThatIsLeft)
{
    for (const char* name : { "step_000040", "step_000060" }) {
        fs::create_directories(victim / "checkpoints" / name);
        test::write(victim / "checkpoints" / name / "model.safetensors", "weights");
        test::write(victim / "checkpoints" / name / "manifest.json", "{\"files\": {\"model.safetensors\": {\"bytes\": 7}}}");
    }
    openWhole();
    EXPECT_EQ(run().header().checkpoints.size(), 2u);
    fs::resize_file(victim / "checkpoints" / "step_000060" / "model.safetensors", 3);
    ASSERT_TRUE(waitFor([this] { return isStripShown(); }));
    EXPECT_TRUE(strip().contains(QStringLiteral("step_000060/model.safetensors: expected 7 bytes, found 3"))) << qPrintable(strip());
    EXPECT_TRUE(strip().contains(QStringLiteral("goes on from step_000040"))) << qPrintable(strip());
    EXPECT_EQ(run().header().checkpoints, std::vector<std::string> { "step_000040" });
    visitAll();
}

TEST_F(BrokenRunsTest, OneBrokenRunOfAProject_LeavesTheOthersInTheTable)
{
    const fs::path project = folder / "project";
    for (const char* name : { "good", "bad" })
        test::writeFakeRun(project / "runs" / name, {});
    fs::resize_file(project / "runs" / "bad" / "run.db", 3000);
    window->openPath(project);
    ASSERT_TRUE(waitFor([this] { return window->workbench().project.runs().size() == 2; }));
    EXPECT_FALSE(window->workbench().project.run("bad")->problem.empty());
    EXPECT_TRUE(window->workbench().project.run("good")->problem.empty());
    EXPECT_EQ(window->findChild<QTableView*>(QStringLiteral("runsTable"))->model()->rowCount(), 2);
}

TEST_F(BrokenRunsTest, ProjectDatabaseThatCannotBeOpened_IsNamedAndRunsAreShown)
{
    const fs::path project = folder / "project";
    test::writeFakeRun(project / "runs" / "good", {});
    fs::create_directories(project / "project.db"); // a folder where a file should be
    window->openPath(project);
    ASSERT_TRUE(waitFor([this] { return isStripShown() && window->workbench().project.runs().size() == 1; }));
    EXPECT_TRUE(strip().contains(qs(project))) << qPrintable(strip());
    EXPECT_TRUE(strip().contains(QStringLiteral("runs are not affected"))) << qPrintable(strip());
    openRun(project / "runs" / "good");
    EXPECT_EQ(window->currentScreen(), "live");
    EXPECT_TRUE(isStripShown()) << "it is still so";
    click(child<QToolButton>("troubleDismiss"));
    EXPECT_FALSE(isStripShown());
}

// A file system of its own that can be filled to the last byte; only root may mount it.
class SmallDisk {
public:
    explicit SmallDisk(const fs::path& place)
        : m_place(place)
    {
        fs::create_directories(place);
        m_isMounted = ::mount("tmpfs", place.c_str(), "tmpfs", 0, "size=8m") == 0;
    }
    ~SmallDisk()
    {
        if (m_isMounted)
            ::umount2(m_place.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    bool isMounted() const { return m_isMounted; }
    void fill() const
    {
        const int file = ::open((m_place / "filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        const std::string block(4096, 'x');
        while (::write(file, block.data(), block.size()) > 0) { }
        ::close(file);
    }
    void empty() const { fs::remove(m_place / "filler"); }

private:
    fs::path m_place;
    bool m_isMounted = false;
};

TEST_F(BrokenRunsTest, FullDisk_NamesTheFileThatCannotBeSaved_AndRecovers)
{
    const SmallDisk disk(folder / "disk");
    if (!disk.isMounted())
        GTEST_SKIP() << "only root may mount a small file system";
    const fs::path project = folder / "disk" / "project";
    test::writeFakeRun(project / "runs" / "good", {});
    window->openPath(project);
    auto* table = child<QTableView>("runsTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 1; }));
    disk.fill();
    ASSERT_EQ(fs::space(folder / "disk").available, 0u);
    const auto before = filesBelow(project / "runs");
    table->selectRow(0);
    window->actions().action(QStringLiteral("runs.star"))->trigger();
    ASSERT_TRUE(waitFor([this] { return isStripShown(); }));
    EXPECT_TRUE(strip().contains(qs(project / "project.db"))) << qPrintable(strip());
    EXPECT_TRUE(strip().contains(QStringLiteral("full"))) << qPrintable(strip());
    EXPECT_TRUE(strip().contains(QStringLiteral("runs are not affected"))) << qPrintable(strip());
    openRun(project / "runs" / "good");
    visitAll();
    EXPECT_EQ(run().header().step, 60) << "a run is read without writing";
    EXPECT_EQ(filesBelow(project / "runs"), before);
    disk.empty();
    window->showScreen(QStringLiteral("runs"));
    window->actions().action(QStringLiteral("runs.star"))->trigger();
    EXPECT_TRUE(waitFor([this] { return !isStripShown(); })) << "what went wrong is over";
    window.reset(); // its readers go before the disk
}

} // namespace
} // namespace midpoint::gui
