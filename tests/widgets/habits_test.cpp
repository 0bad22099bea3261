// SPDX-License-Identifier: GPL-3.0-or-later
// What people expect of a desktop program: everything by keyboard, dropping things on it, nothing lost when it is closed, being
// told when a run ends.
#include "backend/launch/exit_record.h"
#include "backend/launch/heartbeat.h"
#include "backend/launch/run_folder.h"
#include "tests/support/fake_run.h"
#include "tests/widgets/window_fixture.h"
#include "widgets/common/action_registry.h"
#include "widgets/common/command_palette.h"
#include "widgets/configure/configure_page.h"
#include "widgets/live/live_page.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/plot/scatter_tile.h"
#include "widgets/shell/layout_keeper.h"
#include "widgets/viewmodels/project_model.h"

#include <QAbstractItemView>
#include <QAbstractScrollArea>
#include <QApplication>
#include <QDropEvent>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMenuBar>
#include <QMimeData>
#include <QMouseEvent>
#include <QSplitter>
#include <QTableView>
#include <QToolButton>

#include <algorithm>
#include <set>

namespace midpoint::gui {
namespace {

namespace fs = std::filesystem;
using test::waitFor;

class HabitsTest : public WindowFixture {
protected:
    HabitsTest()
    {
        for (const char* name : { "alpha", "beta" }) {
            test::FakeRunOptions options;
            options.name = name;
            options.steps = 20;
            test::writeFakeRun(folder.path() / "runs" / name, options);
        }
    }
    void openProject(const fs::path& path)
    {
        bool hasArrived = false;
        const auto link = QObject::connect(&window->workbench().project, &ProjectModel::preferencesArrived, window.get(), [&] { hasArrived = true; });
        window->openPath(path);
        EXPECT_TRUE(waitFor([&] { return hasArrived; }));
        QObject::disconnect(link);
    }
    void drop(const fs::path& path)
    {
        QMimeData data;
        data.setUrls({ QUrl::fromLocalFile(QString::fromStdString(path.string())) });
        QDragEnterEvent enter(QPoint(400, 400), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(window.get(), &enter);
        EXPECT_TRUE(enter.isAccepted());
        QDropEvent event(QPointF(400, 400), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(window.get(), &event);
    }
};

TEST_F(HabitsTest, Drop_OpensProjectRunAndConfiguration)
{
    drop(folder.path());
    EXPECT_EQ(window->currentScreen(), "runs");
    drop(folder.path() / "runs" / "beta");
    EXPECT_EQ(window->currentScreen(), "live");
    EXPECT_EQ(window->workbench().run.path().filename(), "beta");
    drop(test::sourceFolder() / "projects" / "arithmetic" / "grpo.toml");
    EXPECT_EQ(window->currentScreen(), "configure");
    EXPECT_EQ(child<ConfigurePage>("configurePage")->form().file().filename(), "grpo.toml");
}

// Tab goes around every screen and meets every widget that can be clicked or typed into.
TEST_F(HabitsTest, Tab_ReachesEveryWidgetOfEveryScreen)
{
    window->openPath(folder.path() / "runs" / "alpha");
    ASSERT_TRUE(waitFor([this] { return window->workbench().run.isLoaded() && window->workbench().run.hasFacts(); }));
    for (const QString& screen : window->screenNames()) {
        window->showScreen(screen);
        QTest::qWait(20);
        std::set<const QWidget*> met;
        const QWidget* chain = window.get();
        do {
            chain = chain->nextInFocusChain();
            if (chain->isVisible() && chain->isEnabled() && (chain->focusPolicy() & Qt::TabFocus) != 0)
                met.insert(chain);
        } while (chain != window.get());
        const QWidget* page = window->findChild<QWidget*>(screen + QStringLiteral("Page"));
        ASSERT_NE(page, nullptr) << screen.toStdString();
        for (const QWidget* widget : page->findChildren<QWidget*>()) {
            const bool isInteractive = widget->inherits("QLineEdit") || widget->inherits("QComboBox") || widget->inherits("QAbstractSpinBox") || widget->inherits("QPushButton")
                || widget->inherits("QCheckBox") || widget->inherits("QSlider") || widget->inherits("QTableView") || widget->inherits("QListWidget");
            const bool isPart = widget->parentWidget()->inherits("QAbstractSpinBox") || widget->parentWidget()->inherits("QComboBox") || widget->inherits("QComboBoxListView");
            if (isInteractive && !isPart && widget->isVisible() && widget->isEnabled()) {
                EXPECT_TRUE(met.count(widget) > 0) << screen.toStdString() << ": " << widget->objectName().toStdString();
            }
        }
        QTest::keyClick(window.get(), Qt::Key_Tab); // and the key itself moves on
        const QWidget* first = window->focusWidget();
        QTest::keyClick(window->focusWidget() != nullptr ? window->focusWidget() : static_cast<QWidget*>(window.get()), Qt::Key_Tab);
        EXPECT_NE(window->focusWidget(), first) << screen.toStdString();
    }
}

TEST_F(HabitsTest, EveryAction_StandsInAMenuAndSaysWhatItDoes)
{
    std::set<const QAction*> inMenus;
    for (const QAction* menu : window->menuBar()->actions())
        for (const QAction* action : menu->menu()->actions())
            inMenus.insert(action);
    for (const QAction* action : window->actions().actions()) {
        EXPECT_TRUE(inMenus.count(action) > 0) << action->objectName().toStdString();
        EXPECT_FALSE(action->text().isEmpty()) << action->objectName().toStdString();
        EXPECT_FALSE(action->toolTip().isEmpty()) << action->objectName().toStdString();
    }
}

TEST_F(HabitsTest, Layout_ComesBackWithTheProject)
{
    openProject(folder.path());
    child<QLineEdit>("runFilter")->setText(QStringLiteral("alpha"));
    auto* split = child<QSplitter>("runsSplit");
    split->setSizes({ 500, 200 });
    Q_EMIT split->splitterMoved(500, 1); // as a hand does
    child<QTableView>("runsTable")->horizontalHeader()->resizeSection(1, 333);
    const QList<int> sizes = split->sizes();
    child<LivePage>("livePage")->addMetricPlot(QStringLiteral("actor/entropy"));
    reopen(); // also what was changed within the last second is kept
    EXPECT_TRUE(child<QLineEdit>("runFilter")->text().isEmpty());
    openProject(folder.path());
    EXPECT_EQ(child<QLineEdit>("runFilter")->text(), "alpha");
    EXPECT_EQ(child<QTableView>("runsTable")->horizontalHeader()->sectionSize(1), 333);
    EXPECT_NEAR(child<QSplitter>("runsSplit")->sizes()[0], sizes[0], 3);
    EXPECT_NE(child<CurveTile>("plotOwnactor/entropy"), nullptr);
    test::TemporaryFolder other;
    std::filesystem::create_directories(other.path() / "runs");
    openProject(other.path());
    EXPECT_TRUE(waitFor([this] { return window->findChild<CurveTile*>(QStringLiteral("plotOwnactor/entropy")) == nullptr; })) << "it belongs to the other project";
}

TEST_F(HabitsTest, Layout_WithColumnsThatCutNumbers_IsWidened)
{
    openProject(folder.path());
    auto* table = child<QTableView>("runsTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() > 0; }));
    const auto isNumber = [](const QTableView* view, int column) {
        return view->model()->headerData(column, Qt::Horizontal, Qt::TextAlignmentRole).value<Qt::Alignment>().testFlag(Qt::AlignRight);
    };
    for (int column = 0; column < table->model()->columnCount(); ++column)
        table->horizontalHeader()->resizeSection(column, 40);
    reopen();
    openProject(folder.path());
    table = child<QTableView>("runsTable");
    const QHeaderView* header = table->horizontalHeader();
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() > 0; }));
    EXPECT_EQ(header->sectionSize(1), 40) << "the name, a text: it stays as it was left";
    int numbers = 0;
    for (int column = 0; column < table->model()->columnCount(); ++column) {
        if (!isNumber(table, column))
            continue;
        ++numbers;
        EXPECT_GE(header->sectionSize(column), header->sectionSizeHint(column)) << column;
        for (int row = 0; row < table->model()->rowCount(); ++row) {
            const QString text = table->model()->index(row, column).data().toString();
            EXPECT_GT(header->sectionSize(column), table->fontMetrics().horizontalAdvance(text)) << text.toStdString();
        }
    }
    EXPECT_GT(numbers, 5);
}

TEST_F(HabitsTest, Layout_OfAnotherVersion_IsPassedOver)
{
    LayoutKeeper keeper(window.get(), window->workbench().project);
    const QJsonObject before = keeper.present();
    // Widths by place would fall on other columns than those they were made for.
    QJsonObject otherColumns = before[QStringLiteral("tables")].toObject()[QStringLiteral("rolloutTable")].toObject();
    keeper.restore({ { QStringLiteral("splitters"), 5 }, { QStringLiteral("tables"), QJsonObject { { QStringLiteral("runsTable"), QStringLiteral("!!") }, { QStringLiteral("promptTable"), otherColumns } } },
        { QStringLiteral("choices"), QJsonObject { { QStringLiteral("tokenColoring"), 99 } } } });
    EXPECT_EQ(keeper.present(), before);
}

TEST_F(HabitsTest, Layout_IsUndoneAndDoneAgain)
{
    openProject(folder.path());
    const auto stand = [] { waitFor([] { return false; }, LayoutKeeper::kSaveAfterMs + 300); };
    stand();
    auto* split = child<QSplitter>("runsSplit");
    const QList<int> before = split->sizes();
    auto* header = child<QTableView>("runsTable")->horizontalHeader();
    const int width = header->sectionSize(1);
    press(Qt::Key_Z, Qt::ControlModifier);
    EXPECT_EQ(split->sizes(), before) << "nothing was changed yet";
    split->setSizes({ 500, 200 });
    Q_EMIT split->splitterMoved(500, 1); // as a hand does
    const QList<int> moved = split->sizes();
    stand();
    header->resizeSection(1, width + 80);
    child<LivePage>("livePage")->addMetricPlot(QStringLiteral("actor/entropy"));
    press(Qt::Key_Z, Qt::ControlModifier);
    EXPECT_EQ(header->sectionSize(1), width);
    EXPECT_TRUE(waitFor([this] { return window->findChild<CurveTile*>(QStringLiteral("plotOwnactor/entropy")) == nullptr; }));
    EXPECT_EQ(split->sizes(), moved);
    press(Qt::Key_Z, Qt::ControlModifier);
    EXPECT_NEAR(split->sizes()[0], before[0], 3);
    press(Qt::Key_Z, Qt::ControlModifier | Qt::ShiftModifier);
    EXPECT_NEAR(split->sizes()[0], moved[0], 3);
    press(Qt::Key_Z, Qt::ControlModifier | Qt::ShiftModifier);
    EXPECT_EQ(header->sectionSize(1), width + 80);
    EXPECT_NE(window->findChild<CurveTile*>(QStringLiteral("plotOwnactor/entropy")), nullptr);
}

TEST_F(HabitsTest, Layout_HiddenPlotsStayHiddenAndComeBack)
{
    const auto isHidden = [this](const char* name) { return !child<CurveTile>(name)->isVisibleTo(child<QWidget>("livePage")); };
    const auto stand = [] { waitFor([] { return false; }, LayoutKeeper::kSaveAfterMs + 300); };
    openProject(folder.path());
    stand();
    auto* reward = child<CurveTile>("plotReward");
    const QString title = reward->title();
    const QList<QAction*> menu = reward->menu()->actions();
    const auto hide = std::find_if(menu.begin(), menu.end(), [](const QAction* action) { return action->text() == QStringLiteral("Hide this plot"); });
    ASSERT_NE(hide, menu.end());
    (*hide)->trigger();
    EXPECT_TRUE(isHidden("plotReward"));
    EXPECT_FALSE(isHidden("plotAccuracy"));
    press(Qt::Key_Z, Qt::ControlModifier);
    EXPECT_FALSE(isHidden("plotReward"));
    press(Qt::Key_Z, Qt::ControlModifier | Qt::ShiftModifier);
    EXPECT_TRUE(isHidden("plotReward"));
    reopen();
    openProject(folder.path());
    EXPECT_TRUE(isHidden("plotReward"));
    window->showScreen(QStringLiteral("live"));
    press(Qt::Key_F11);
    EXPECT_TRUE(isHidden("plotReward")) << "alone stands one of those that are shown";
    press(Qt::Key_F11);
    window->actions().action(QStringLiteral("live.addPlot"))->trigger();
    auto* palette = child<CommandPalette>("commandPalette");
    QTest::keyClicks(palette->findChild<QLineEdit*>(), title);
    QTest::keyClick(palette->findChild<QLineEdit*>(), Qt::Key_Return);
    EXPECT_FALSE(isHidden("plotReward"));
    EXPECT_EQ(child<LivePage>("livePage")->plotChoice(), "");
}

TEST_F(HabitsTest, Draft_ComesBackWithTheProject)
{
    openProject(folder.path());
    window->showScreen(QStringLiteral("configure"));
    ASSERT_TRUE(waitFor([this] { return window->findChild<QLineEdit*>(QStringLiteral("edit.run.seed")) != nullptr; })) << "the form grows row by row";
    auto* edit = child<QLineEdit>("edit.run.seed");
    ASSERT_TRUE(waitFor([&] { return edit->text() == QStringLiteral("1"); }));
    edit->selectAll();
    QTest::keyClicks(edit, QStringLiteral("4711"));
    reopen();
    openProject(folder.path());
    const ConfigForm& form = child<ConfigurePage>("configurePage")->form();
    ASSERT_TRUE(waitFor([&] { return form.isChanged("run.seed"); }));
    EXPECT_EQ(form.value("run.seed"), "4711");
}

TEST_F(HabitsTest, RunThatEnds_IsToldWhereverTheUserIs)
{
    const fs::path path = folder.path() / "runs" / "live";
    test::FakeRunOptions options;
    options.steps = 100;
    test::FakeRun run(path, options);
    run.writeThrough(3);
    const launch::RunFolder runFolder = launch::RunFolder::create(path);
    auto lock = std::make_unique<launch::RunLock>(launch::RunLock::acquire(runFolder));
    launch::HeartbeatWriter heart(runFolder, 0);
    heart.setPhase(4, "generate");
    window->openPath(path);
    ASSERT_TRUE(waitFor([this] { return window->workbench().run.header().state.kind == launch::RunStateKind::Running; }));
    window->showScreen(QStringLiteral("configure"));
    auto* notice = child<QWidget>("runNotice");
    EXPECT_FALSE(notice->isVisible());
    launch::ExitRecord record;
    record.outcome = launch::Outcome::Failed;
    record.rank = 0;
    record.reason = "no memory left";
    launch::writeExitRecord(runFolder, record);
    lock.reset();
    ASSERT_TRUE(waitFor([&] { return notice->isVisible(); }));
    const QString text = child<QLabel>("runNoticeText")->text();
    EXPECT_TRUE(text.contains(QStringLiteral("FAILED")) && text.contains(QStringLiteral("live")) && text.contains(QStringLiteral("no memory left"))) << text.toStdString();
    QTest::mouseClick(child<QToolButton>("runNoticeShow"), Qt::LeftButton);
    EXPECT_EQ(window->currentScreen(), "live");
    EXPECT_FALSE(notice->isVisible());
}

TEST_F(HabitsTest, Scatter_RectangleFiltersTheTable_AndOneClickTakesItBack)
{
    window->openPath(folder.path() / "runs" / "alpha");
    window->showScreen(QStringLiteral("difficulty"));
    auto* table = child<QTableView>("promptTable");
    ASSERT_TRUE(waitFor([&] { return table->model()->rowCount() == 200; }));
    auto* canvas = child<QWidget>("plotScatterCanvas");
    ASSERT_TRUE(waitFor([&] { return canvas->isVisible() && canvas->width() > 100 && child<ScatterTile>("plotScatter")->pointCount() > 50; }));
    const auto draw = [&](QPoint from, QPoint to) {
        const auto send = [&](QEvent::Type type, QPoint at, Qt::MouseButton button) {
            QMouseEvent event(type, QPointF(at), canvas->mapToGlobal(QPointF(at)), button, type == QEvent::MouseButtonRelease ? Qt::NoButton : Qt::LeftButton, Qt::NoModifier);
            QApplication::sendEvent(canvas, &event);
        };
        send(QEvent::MouseButtonPress, from, Qt::LeftButton);
        send(QEvent::MouseMove, (from + to) / 2, Qt::NoButton);
        send(QEvent::MouseMove, to, Qt::NoButton);
        send(QEvent::MouseButtonRelease, to, Qt::LeftButton);
    };
    child<PlotTile>("plotScatter")->settle(); // its axes are in place now
    draw(QPoint(canvas->width() / 4, 2), QPoint(canvas->width() - 4, canvas->height() - 4));
    auto* clear = child<QToolButton>("clearRegion");
    ASSERT_TRUE(clear->isVisible());
    EXPECT_GT(table->model()->rowCount(), 0);
    EXPECT_LT(table->model()->rowCount(), 200);
    QTest::mouseClick(clear, Qt::LeftButton);
    EXPECT_EQ(table->model()->rowCount(), 200);
    EXPECT_FALSE(clear->isVisible());
}

} // namespace
} // namespace midpoint::gui
