// SPDX-License-Identifier: GPL-3.0-or-later
// Runs that cannot be read, or only in part: the strip says what and where, everything else goes on, and nothing is written.
#include "tests/support/fake_run.h"
#include "tests/support/held_database.h"
#include "tests/widgets/window_fixture.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/project_model.h"

#include <QLabel>
#include <QTableView>
#include <QToolButton>

#include <set>

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
    fs::remove(victim / "run.db");
    waitFor([] { return false; }, 1200); // two polls
    EXPECT_EQ(run().header().step, 60);
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
    ASSERT_TRUE(waitFor([this] { return run().isLoaded() && run().header().step == 60; }));
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

} // namespace
} // namespace midpoint::gui
