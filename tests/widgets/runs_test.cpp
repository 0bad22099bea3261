// SPDX-License-Identifier: GPL-3.0-or-later
// The Runs screen: renaming, terms from the context menu, the way back, the curves of several seeds as one.
#include "backend/launch/run_folder.h"
#include "tests/support/fake_run.h"
#include "tests/widgets/window_fixture.h"
#include "widgets/common/action_registry.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/runs/runs_page.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/project_model.h"

#include <QCheckBox>
#include <QComboBox>
#include <QInputDialog>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QTableView>
#include <QTimer>

namespace midpoint::gui {
namespace {

using test::waitFor;

class RunsTest : public WindowFixture {
protected:
    RunsTest()
    {
        for (const char* name : { "dots-s1", "dots-s2", "dots-s3", "uniform" }) {
            test::FakeRunOptions options;
            options.name = name;
            options.usesSelection = std::string(name) != "uniform";
            options.seed = static_cast<std::uint64_t>(name[std::string(name).size() - 1]);
            test::writeFakeRun(runs() / name, options);
        }
    }
    void openProject()
    {
        window->openPath(folder.path());
        table = child<QTableView>("runsTable");
        ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 4; }));
        // Until the layout that the project kept is in place, so that it does not take back what a test does.
        waitFor([] { return false; }, 100);
    }
    std::filesystem::path runs() const { return folder.path() / "runs"; }
    void choose(const std::string& name)
    {
        for (int row = 0; row < table->model()->rowCount(); ++row)
            if (table->model()->index(row, 1).data().toString().section(QStringLiteral("  #"), 0, 0).toStdString() == name)
                table->setCurrentIndex(table->model()->index(row, 1));
        table->setFocus();
    }
    // Types into the dialog that the key opens.
    void renameByKey(const QString& name)
    {
        window->activateWindow();
        ASSERT_TRUE(QTest::qWaitForWindowActive(window.get()));
        QTimer::singleShot(0, window.get(), [this, name] {
            ASSERT_TRUE(waitFor([this] { return window->findChild<QInputDialog*>() != nullptr; }, 5000));
            auto* dialog = window->findChild<QInputDialog*>();
            dialog->setTextValue(name);
            dialog->accept();
        });
        QTest::keyClick(window.get(), Qt::Key_F2);
    }
    QMenu* menuOver(int column)
    {
        const QModelIndex index = table->model()->index(table->currentIndex().row(), column);
        Q_EMIT table->customContextMenuRequested(table->visualRect(index).center());
        return child<QMenu>("runMenu");
    }
    static void trigger(QMenu* menu, const QString& text)
    {
        for (QAction* action : menu->actions())
            if (action->text() == text) {
                action->trigger();
                menu->close();
                return;
            }
        FAIL() << "no action " << text.toStdString();
    }
    QTableView* table = nullptr;
};

TEST_F(RunsTest, GroupedSeeds_AreOneRowWithMeanAndRange)
{
    openProject();
    ProjectModel& project = window->workbench().project;
    choose("dots-s1");
    press(Qt::Key_G);
    ASSERT_EQ(table->model()->rowCount(), 2);
    const auto text = [this](int row, int column) { return table->model()->index(row, column).data().toString(); };
    const auto rowOf = [&](const char* name) {
        for (int row = 0; row < table->model()->rowCount(); ++row)
            if (text(row, 1).trimmed().contains(QLatin1String(name)))
                return row;
        return -1;
    };
    EXPECT_EQ(text(rowOf("dots"), 1), QStringLiteral("▸ dots  (3 seeds)"));
    EXPECT_EQ(text(rowOf("uniform"), 1), "uniform") << "no other seed: as it was";
    constexpr int kState = 2;
    constexpr int kSmoothReward = 6;
    double sum = 0.0;
    double low = 1.0;
    double high = 0.0;
    for (const char* name : { "dots-s1", "dots-s2", "dots-s3" }) {
        const double value = *project.run(name)->smoothReward;
        sum += value;
        low = std::min(low, value);
        high = std::max(high, value);
    }
    ASSERT_LT(low, high) << "the seeds differ";
    EXPECT_EQ(text(rowOf("dots"), kSmoothReward), QStringLiteral("%1 (%2–%3)").arg(number(sum / 3), number(low), number(high)));
    EXPECT_EQ(text(rowOf("dots"), kState), text(rowOf("uniform"), kState));
    const QModelIndex cell = table->model()->index(rowOf("dots"), kSmoothReward);
    EXPECT_GT(table->columnWidth(kSmoothReward), table->fontMetrics().horizontalAdvance(cell.data().toString())) << "nothing is cut";
    EXPECT_TRUE(cell.data(Qt::ToolTipRole).toString().contains(QStringLiteral("dots-s2: "))) << "each seed by itself";

    // Compared as a whole.
    table->setCurrentIndex(cell);
    QTest::keyClick(table, Qt::Key_Space);
    EXPECT_EQ(project.compared(), (std::set<std::string> { "dots-s1", "dots-s2", "dots-s3" }));
    QTest::keyClick(table, Qt::Key_Space);
    EXPECT_TRUE(project.compared().empty());

    // What speaks of one run says that this is none.
    QString said;
    const auto link = QObject::connect(child<RunsPage>("runsPage"), &Page::statusMessage, window.get(), [&](const QString& message) { said = message; });
    press(Qt::Key_S);
    EXPECT_TRUE(said.contains(QStringLiteral("3 runs"))) << said.toStdString();
    QObject::disconnect(link);
    EXPECT_FALSE(project.run("dots-s1")->notes.isStarred);

    // Expanded, the runs stay below their group in every order.
    QTest::keyClick(table, Qt::Key_Return);
    ASSERT_EQ(table->model()->rowCount(), 5);
    for (const Qt::SortOrder order : { Qt::AscendingOrder, Qt::DescendingOrder }) {
        table->sortByColumn(kSmoothReward, order);
        const int group = rowOf("(3 seeds)");
        for (int i = 1; i <= 3; ++i)
            EXPECT_TRUE(text(group + i, 1).startsWith(QStringLiteral("      dots-s"))) << text(group + i, 1).toStdString();
    }
    const int width = table->columnWidth(kSmoothReward);
    press(Qt::Key_G);
    EXPECT_EQ(table->model()->rowCount(), 4);
    EXPECT_LT(table->columnWidth(kSmoothReward), width) << "the room is given back";
}

TEST_F(RunsTest, GroupedSeeds_AreOfTheRunsThatTheSearchFinds)
{
    openProject();
    child<QCheckBox>("groupSeeds")->setChecked(true);
    child<QLineEdit>("runFilter")->setText(QStringLiteral("dots-s1"));
    ASSERT_EQ(table->model()->rowCount(), 1);
    EXPECT_EQ(table->model()->index(0, 1).data().toString(), "dots-s1");
    child<QLineEdit>("runFilter")->clear();
    EXPECT_EQ(table->model()->rowCount(), 2);
    // Opening goes by the run below the group.
    choose("▸ dots  (3 seeds)");
    QTest::keyClick(table, Qt::Key_Right);
    ASSERT_EQ(table->model()->rowCount(), 5);
    table->setCurrentIndex(table->model()->index(table->currentIndex().row() + 1, 1));
    const std::string name = table->currentIndex().data().toString().trimmed().toStdString();
    QTest::keyClick(table, Qt::Key_Return);
    EXPECT_TRUE(waitFor([&] { return run().path() == runs() / name; }));
}

TEST_F(RunsTest, Rename_MovesTheFolderWithNotesAndComparison)
{
    openProject();
    ProjectModel& project = window->workbench().project;
    project.changeNotes("dots-s1", [](RunNotes& notes) { notes.tags = { "paper" }; });
    project.setCompared("dots-s1", true);
    ASSERT_TRUE(waitFor([&] { return !project.run("dots-s1")->notes.tags.empty(); }));
    const int color = project.run("dots-s1")->color;
    choose("dots-s1");
    renameByKey(QStringLiteral("first"));
    ASSERT_TRUE(waitFor([&] { return project.run("first") != nullptr && project.run("dots-s1") == nullptr; }));
    EXPECT_TRUE(std::filesystem::exists(runs() / "first" / "run.db"));
    EXPECT_FALSE(std::filesystem::exists(runs() / "dots-s1"));
    EXPECT_EQ(project.run("first")->notes.tags, std::set<std::string> { "paper" });
    EXPECT_EQ(project.run("first")->color, color);
    EXPECT_EQ(project.compared(), std::set<std::string> { "first" });
    reopen();
    openProject();
    EXPECT_EQ(window->workbench().project.run("first")->notes.tags, std::set<std::string> { "paper" }) << "it is in project.db";
}

TEST_F(RunsTest, RenamedRunThatIsOpen_GoesOnBeingShown)
{
    openRun(runs() / "uniform");
    window->showScreen(QStringLiteral("runs"));
    table = child<QTableView>("runsTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 4; }));
    choose("uniform");
    renameByKey(QStringLiteral("baseline"));
    ASSERT_TRUE(waitFor([&] { return run().path() == runs() / "baseline" && run().isLoaded(); }));
    EXPECT_EQ(run().header().step, 60);
    EXPECT_EQ(window->currentScreen(), "runs");
    EXPECT_FALSE(child<QWidget>("troubleStrip")->isVisible());
}

TEST_F(RunsTest, Rename_RefusesNamesThatAreTakenOrNone_AndRunsThatGoOn)
{
    openProject();
    const auto refused = [this](const QString& name, const char* why) {
        choose("uniform");
        renameByKey(name);
        EXPECT_TRUE(waitFor([&] { return child<QLabel>("troubleStripText")->text().contains(QString::fromUtf8(why)); }, 5000))
            << child<QLabel>("troubleStripText")->text().toStdString();
        EXPECT_TRUE(std::filesystem::exists(runs() / "uniform" / "run.db"));
    };
    refused(QStringLiteral("dots-s2"), "is there already");
    refused(QStringLiteral("a/b"), "cannot be the name of a folder");
    const launch::RunLock lock = launch::RunLock::acquire(launch::RunFolder::open(runs() / "uniform"));
    refused(QStringLiteral("other"), "the run is going on");
}

TEST_F(RunsTest, TermsOfTheMenu_FilterAndBackTakesThemAway)
{
    openProject();
    auto* filter = child<QLineEdit>("runFilter");
    QTest::keyClicks(filter, QStringLiteral("dots"));
    EXPECT_EQ(table->model()->rowCount(), 3);
    choose("dots-s2");
    const QString state = QString::fromUtf8(launch::wordFor(window->workbench().project.run("dots-s2")->state.kind));
    trigger(menuOver(2), QStringLiteral("Not state = %1").arg(state));
    EXPECT_EQ(filter->text(), QStringLiteral("dots state!=%1").arg(state));
    EXPECT_EQ(table->model()->rowCount(), 0);
    press(Qt::Key_Left, Qt::AltModifier);
    EXPECT_EQ(filter->text(), "dots");
    EXPECT_EQ(table->model()->rowCount(), 3);
    press(Qt::Key_Left, Qt::AltModifier);
    EXPECT_EQ(filter->text(), QString());
    press(Qt::Key_Left, Qt::AltModifier);
    EXPECT_EQ(filter->text(), QString()) << "there is nothing before";
    press(Qt::Key_Right, Qt::AltModifier);
    EXPECT_EQ(filter->text(), "dots");
}

TEST_F(RunsTest, MeanOverSeeds_JoinsRunsThatDifferInTheSeedAlone)
{
    openProject();
    for (const char* name : { "dots-s1", "dots-s2", "dots-s3", "uniform" })
        window->workbench().project.setCompared(name, true);
    auto* overlay = child<CurveTile>("plotOverlay");
    ASSERT_TRUE(waitFor([&] { return overlay->curves().size() == 4; }));
    QTest::mouseClick(child<QCheckBox>("meanOverSeeds"), Qt::LeftButton);
    ASSERT_EQ(overlay->curves().size(), 2u);
    const auto joined = std::find_if(overlay->curves().begin(), overlay->curves().end(), [](const CurveSpec& spec) { return spec.band.has_value(); });
    ASSERT_NE(joined, overlay->curves().end());
    EXPECT_EQ(joined->name, "dots-s1, mean of 3 seeds");
    const std::size_t last = joined->curve->raw().size() - 1;
    EXPECT_GT(joined->band->high->raw().y(last), joined->curve->raw().y(last));
    EXPECT_LT(joined->band->low->raw().y(last), joined->curve->raw().y(last));
    EXPECT_TRUE(overlay->csv().contains(QStringLiteral("dots-s1, mean of 3 seeds: ± deviation, lower")));
    QTest::mouseClick(child<QCheckBox>("meanOverSeeds"), Qt::LeftButton);
    EXPECT_EQ(overlay->curves().size(), 4u);
}

} // namespace
} // namespace midpoint::gui
