// SPDX-License-Identifier: GPL-3.0-or-later
// Runs that cannot be read, or only in part: the strip says what and where, everything else goes on, and nothing is written.
#include "tests/support/fake_run.h"
#include "tests/support/fixtures.h"
#include "tests/support/held_database.h"
#include "tests/widgets/gui_test.h"
#include "widgets/shell/main_window.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/run_model.h"

#include <gtest/gtest.h>

#include <QLabel>
#include <QTableView>

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

class BrokenRunsTest : public testing::Test {
protected:
    BrokenRunsTest()
        : theme(ThemeChoice::Light)
        , window(theme, { test::midpointBinary(), test::sourceFolder(), false })
        , run(folder / "victim")
    {
        test::writeFakeRun(run, {});
        window.show();
    }
    QString strip() { return window.findChild<QLabel*>(QStringLiteral("troubleStripText"))->text(); }
    bool isStripShown() { return window.findChild<QWidget*>(QStringLiteral("troubleStrip"))->isVisible(); }
    void openWhole()
    {
        window.openPath(run);
        ASSERT_TRUE(waitFor([this] { return model().isLoaded() && model().header().step == 60 && model().hasFacts(); }));
        ASSERT_FALSE(isStripShown());
    }
    // Every screen with what there is to show.
    void visitAll()
    {
        for (const QString& name : window.screenNames()) {
            window.showScreen(name);
            waitFor([] { return false; }, 60);
        }
    }
    RunModel& model() { return window.workbench().run; }

    test::TemporaryFolder folder;
    Theme theme;
    MainWindow window;
    fs::path run;
};

TEST_F(BrokenRunsTest, NewerDatabase_SaysSoAndIsLeftAlone)
{
    test::runSql(run / "run.db", "PRAGMA user_version=99");
    const auto before = filesBelow(run);
    window.openPath(run);
    ASSERT_TRUE(waitFor([this] { return isStripShown(); }));
    EXPECT_TRUE(strip().contains(QStringLiteral("victim"))) << qPrintable(strip());
    EXPECT_TRUE(strip().contains(QStringLiteral("newer"))) << qPrintable(strip());
    EXPECT_TRUE(strip().contains(QStringLiteral("still work"))) << "what can be done all the same";
    visitAll();
    EXPECT_EQ(filesBelow(run), before);
}

TEST_F(BrokenRunsTest, TruncatedDatabase_SaysSoAndIsLeftAlone)
{
    fs::resize_file(run / "run.db", fs::file_size(run / "run.db") / 3);
    const auto before = filesBelow(run);
    window.openPath(run);
    ASSERT_TRUE(waitFor([this] { return isStripShown(); }));
    EXPECT_TRUE(strip().contains(QStringLiteral("victim"))) << qPrintable(strip());
    visitAll();
    EXPECT_EQ(filesBelow(run), before);
}

TEST_F(BrokenRunsTest, DatabaseOfZeroBytes_IsARunThatHasRecordedNothing)
{
    fs::resize_file(run / "run.db", 0);
    window.openPath(run);
    ASSERT_TRUE(waitFor([this] { return isStripShown(); }));
    EXPECT_TRUE(strip().contains(QStringLiteral("victim"))) << qPrintable(strip());
    visitAll();
    EXPECT_EQ(fs::file_size(run / "run.db"), 0u);
}

TEST_F(BrokenRunsTest, TruncatedRollouts_TellOnTheirScreenOnly)
{
    fs::resize_file(run / "rollouts.db", 2000);
    openWhole();
    window.showScreen(QStringLiteral("rollouts"));
    auto* nothing = window.findChild<QLabel*>(QStringLiteral("rolloutsNothing"));
    ASSERT_TRUE(waitFor([&] { return nothing->isVisible() && nothing->text().contains(QStringLiteral("other screens still work")); }))
        << qPrintable(nothing->text());
    EXPECT_FALSE(isStripShown());
}

TEST_F(BrokenRunsTest, RunRemovedWhileOpen_KeepsWhatWasRead)
{
    openWhole();
    fs::remove_all(run);
    ASSERT_TRUE(waitFor([this] { return isStripShown(); }));
    EXPECT_TRUE(strip().contains(QStringLiteral("victim"))) << qPrintable(strip());
    EXPECT_EQ(model().header().step, 60);
    EXPECT_TRUE(model().last("critic/rewards/mean"));
    visitAll();
    EXPECT_FALSE(fs::exists(run)) << "and nothing is made in its place";
}

TEST_F(BrokenRunsTest, DatabaseRemovedWhileOpen_KeepsWhatWasRead)
{
    openWhole();
    fs::remove(run / "run.db");
    waitFor([] { return false; }, 1200); // two polls
    EXPECT_EQ(model().header().step, 60);
    visitAll();
    EXPECT_FALSE(fs::exists(run / "run.db"));
}

TEST_F(BrokenRunsTest, DatabaseLockedByAnotherProgram_IsReadAllTheSame)
{
    const test::HeldDatabase held(run / "run.db", test::HeldDatabase::Lock::Everything);
    openWhole();
    visitAll();
}

TEST_F(BrokenRunsTest, HalfWrittenCheckpointAndExitRecord_DoNotHideTheRun)
{
    fs::create_directories(run / "checkpoints" / "step_000060");
    test::write(run / "checkpoints" / "step_000060" / "manifest.json", "{\"files\": [");
    test::write(run / "exit.json", "{\"outcome\": ");
    window.openPath(run);
    ASSERT_TRUE(waitFor([this] { return model().isLoaded() && model().header().step == 60; }));
    visitAll();
}

TEST_F(BrokenRunsTest, OneBrokenRunOfAProject_LeavesTheOthersInTheTable)
{
    const fs::path project = folder / "project";
    for (const char* name : { "good", "bad" })
        test::writeFakeRun(project / "runs" / name, {});
    fs::resize_file(project / "runs" / "bad" / "run.db", 3000);
    window.openPath(project);
    ASSERT_TRUE(waitFor([this] { return window.workbench().project.runs().size() == 2; }));
    EXPECT_FALSE(window.workbench().project.run("bad")->problem.empty());
    EXPECT_TRUE(window.workbench().project.run("good")->problem.empty());
    EXPECT_EQ(window.findChild<QTableView*>(QStringLiteral("runsTable"))->model()->rowCount(), 2);
}

} // namespace
} // namespace midpoint::gui
