// SPDX-License-Identifier: GPL-3.0-or-later
// Single screens, found by object name and driven by clicks and keys.
#include "tests/support/fake_run.h"
#include "tests/support/fixtures.h"
#include "tests/widgets/gui_test.h"
#include "widgets/common/action_registry.h"
#include "widgets/common/value_strip.h"
#include "widgets/plot/bar_tile.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/rollouts/token_view.h"
#include "widgets/shell/main_window.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/run_model.h"

#include <gtest/gtest.h>

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTableView>
#include <QTest>
#include <QToolButton>

namespace midpoint::gui {
namespace {

using test::waitFor;

class PagesTest : public testing::Test {
protected:
    PagesTest()
        : theme(ThemeChoice::Light)
        , window(theme, { test::midpointBinary(), test::sourceFolder(), false })
    {
        for (const char* name : { "alpha", "beta" }) {
            test::FakeRunOptions options;
            options.name = name;
            options.usesSelection = std::string(name) == "alpha";
            test::writeFakeRun(folder.path() / "runs" / name, options);
        }
        window.show();
    }
    void openRun()
    {
        window.openPath(folder.path() / "runs" / "alpha");
        ASSERT_TRUE(waitFor([this] { return window.workbench().run.isLoaded() && window.workbench().run.hasFacts(); }));
    }
    template <typename T>
    T* child(const char* name)
    {
        T* found = window.findChild<T*>(QString::fromUtf8(name));
        EXPECT_NE(found, nullptr) << name;
        return found;
    }
    test::TemporaryFolder folder;
    Theme theme;
    MainWindow window;
};

TEST_F(PagesTest, Runs_FilterCompareAndDifferences)
{
    window.openPath(folder.path());
    auto* table = child<QTableView>("runsTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 2; }));
    auto* filter = child<QLineEdit>("runFilter");
    QTest::keyClicks(filter, QStringLiteral("strategy=dots"));
    EXPECT_EQ(table->model()->rowCount(), 1);
    filter->clear();
    table->selectAll();
    QTest::keyClick(table, Qt::Key_Space);
    EXPECT_EQ(window.workbench().project.compared().size(), 2u);
    auto* differences = child<QTableView>("differenceTable");
    ASSERT_TRUE(waitFor([&] { return differences->model()->rowCount() > 0; }));
    QStringList keys;
    for (int row = 0; row < differences->model()->rowCount(); ++row)
        keys << differences->model()->index(row, 0).data().toString();
    EXPECT_EQ(keys, (QStringList { "run.name", "selection.strategy" })) << "identical settings are hidden";
    auto* overlay = child<CurveTile>("plotOverlay");
    ASSERT_TRUE(waitFor([&] { return overlay->curves().size() == 2; }));
    QTest::keyClick(table, Qt::Key_Return);
    EXPECT_EQ(window.currentScreen(), "live");
}

TEST_F(PagesTest, Live_SmoothingAndQuantityReachThePlots)
{
    openRun();
    auto* tile = child<CurveTile>("plotReward");
    ASSERT_TRUE(waitFor([&] { return !tile->curves().empty(); }));
    EXPECT_TRUE(tile->curves()[0].curve->isSmoothed());
    window.actions().action(QStringLiteral("plot.x3"))->trigger();
    EXPECT_DOUBLE_EQ(tile->curves()[0].curve->raw().x(0), 64.0);
    while (window.workbench().run.smoothing() > 0.0)
        window.actions().action(QStringLiteral("plot.rougher"))->trigger();
    EXPECT_FALSE(tile->curves()[0].curve->isSmoothed());
    auto* values = child<ValueStrip>("liveValues");
    EXPECT_EQ(values->values()[0].name, "reward");
}

TEST_F(PagesTest, Difficulty_TableFiltersAndShowsHistory)
{
    openRun();
    window.showScreen(QStringLiteral("difficulty"));
    auto* table = child<QTableView>("promptTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 200; }));
    auto* values = child<ValueStrip>("difficultyValues");
    ASSERT_TRUE(waitFor([&] { return values->values().size() == 8; }));
    EXPECT_EQ(values->values()[0].name, "Pearson");
    EXPECT_TRUE(values->values()[0].context.startsWith(QStringLiteral("95 %")));
    auto* filter = child<QLineEdit>("promptFilter");
    QTest::keyClicks(filter, QStringLiteral("source:easy number"));
    EXPECT_EQ(table->model()->rowCount(), 100);
    filter->clear();
    table->selectRow(3);
    auto* history = child<BarTile>("plotHistory");
    ASSERT_TRUE(waitFor([&] { return history->title().contains(QStringLiteral("prompt 3")) && !history->intervals().empty(); }));
    child<QComboBox>("difficultySet")->setCurrentIndex(1);
    ASSERT_TRUE(waitFor([&] { return values->values()[7].value != QStringLiteral("0"); }));
}

TEST_F(PagesTest, Difficulty_WithoutPredictions_SaysWhy)
{
    window.openPath(folder.path() / "runs" / "beta");
    ASSERT_TRUE(waitFor([this] { return window.workbench().run.isLoaded(); }));
    window.showScreen(QStringLiteral("difficulty"));
    auto* values = child<ValueStrip>("difficultyValues");
    ASSERT_TRUE(waitFor([&] { return values->values().size() == 8; }));
    EXPECT_EQ(values->values()[0].value, "n/a");
    EXPECT_FALSE(values->values()[0].context.isEmpty());
}

TEST_F(PagesTest, Buffer_ShowsCompositionAndEntries)
{
    openRun();
    window.showScreen(QStringLiteral("buffer"));
    auto* table = child<QTableView>("bufferTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() > 0; }));
    EXPECT_EQ(child<CurveTile>("plotAge")->curves().size(), 5u);
    EXPECT_EQ(child<CurveTile>("plotAge")->curves()[4].name, "20+");
    EXPECT_TRUE(child<QLabel>("bufferEntriesLabel")->text().contains(QStringLiteral("step 60")));
}

TEST_F(PagesTest, Rollouts_FilterColourAndSideBySide)
{
    openRun();
    window.showScreen(QStringLiteral("rollouts"));
    auto* table = child<QTableView>("rolloutTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 32; }));
    auto* text = child<TokenView>("rolloutLeftText");
    EXPECT_EQ(text->text().pieces.size(), 24u);
    EXPECT_TRUE(child<QLabel>("rolloutLeftVerdict")->text().contains(QStringLiteral("reference")));
    child<QComboBox>("verdictFilter")->setCurrentIndex(1);
    EXPECT_LT(table->model()->rowCount(), 32);
    EXPECT_TRUE(child<QLabel>("rolloutLeftVerdict")->text().startsWith(QStringLiteral("✓")));
    child<QComboBox>("verdictFilter")->setCurrentIndex(0);
    auto* colors = child<QComboBox>("tokenColoring");
    const QModelIndex entropy = colors->model()->index(colors->findText(QStringLiteral("entropy")), 0);
    EXPECT_FALSE(entropy.flags().testFlag(Qt::ItemIsEnabled)) << "this run has not stored it";
    QTest::mouseClick(child<QToolButton>("rollouts.sideBySide.button"), Qt::LeftButton);
    EXPECT_TRUE(child<QWidget>("rolloutRight")->isVisible());
    const QString before = child<QLabel>("rolloutLeftHeading")->text();
    window.actions().action(QStringLiteral("rollouts.next"))->trigger();
    EXPECT_NE(child<QLabel>("rolloutLeftHeading")->text(), before);
}

TEST_F(PagesTest, Log_HoldsEventsAndFileLines)
{
    std::filesystem::create_directories(folder.path() / "runs" / "alpha" / "log");
    test::write(folder.path() / "runs" / "alpha" / "log" / "rank0.log",
        "2023-11-14 22:13:21.000 info first line\n2023-11-14 22:13:22.000 error something broke\nplain text\n");
    openRun();
    window.showScreen(QStringLiteral("log"));
    auto* table = child<QTableView>("logTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() > 10; }));
    child<QComboBox>("logLevel")->setCurrentIndex(2);
    EXPECT_EQ(table->model()->rowCount(), 1);
    EXPECT_EQ(table->model()->index(0, 4).data().toString(), "something broke");
    child<QComboBox>("logLevel")->setCurrentIndex(0);
    QTest::keyClicks(child<QLineEdit>("logSearch"), QStringLiteral("plain|first"));
    EXPECT_EQ(table->model()->rowCount(), 2);
}

TEST_F(PagesTest, Configure_TypingFindsErrorsAndUndoMendsThem)
{
    window.showScreen(QStringLiteral("configure"));
    auto* edit = child<QLineEdit>("edit.selection.target");
    ASSERT_TRUE(waitFor([&] { return !edit->text().isEmpty(); }));
    edit->selectAll();
    QTest::keyClicks(edit, QStringLiteral("7"));
    auto* start = child<QPushButton>("startRun");
    ASSERT_TRUE(waitFor([&] { return start->toolTip().contains(QStringLiteral("selection.target")) && !start->isEnabled(); }));
    EXPECT_TRUE(child<QLineEdit>("commandLine")->text().contains(QStringLiteral("selection.target=7")));
    auto* only = child<QCheckBox>("onlyChanged");
    only->setChecked(true);
    EXPECT_FALSE(child<QWidget>("row.run.seed")->isVisible());
    EXPECT_TRUE(child<QWidget>("row.selection.target")->isVisible());
    QTest::mouseClick(child<QToolButton>("reset.selection.target"), Qt::LeftButton);
    EXPECT_FALSE(child<QLineEdit>("commandLine")->text().contains(QStringLiteral("selection.target")));
}

} // namespace
} // namespace midpoint::gui
