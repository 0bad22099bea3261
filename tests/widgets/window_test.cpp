// SPDX-License-Identifier: GPL-3.0-or-later
// The window as a whole: structure that holds on every screen, and the main paths with real clicks and keys.
#include "backend/config/schema.h"
#include "backend/launch/commands.h"
#include "backend/launch/heartbeat.h"
#include "backend/launch/run_folder.h"
#include "tests/support/fake_run.h"
#include "tests/widgets/window_fixture.h"
#include "widgets/common/action_registry.h"
#include "widgets/shell/screenshots.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/project_model.h"

#include <QAbstractButton>
#include <QAbstractItemView>
#include <QAbstractSpinBox>
#include <QComboBox>
#include <QImage>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMap>
#include <QMenu>
#include <QTabBar>
#include <QTableView>
#include <QToolButton>

#include <set>

namespace midpoint::gui {
namespace {

namespace fs = std::filesystem;
using test::waitFor;

class WindowTest : public WindowFixture {
protected:
    fs::path writeRun(const std::string& name, test::FakeRunOptions options = {})
    {
        options.name = name;
        test::writeFakeRun(folder.path() / "runs" / name, options);
        return folder.path() / "runs" / name;
    }
};

TEST_F(WindowTest, Shortcuts_AreUsedOnce)
{
    QMap<QString, QString> owners;
    for (const QAction* action : window->actions().actions())
        for (const QKeySequence& key : action->shortcuts()) {
            EXPECT_FALSE(owners.contains(key.toString())) << key.toString().toStdString() << ": " << owners.value(key.toString()).toStdString() << " and "
                                                          << action->objectName().toStdString();
            owners[key.toString()] = action->objectName();
        }
    EXPECT_GT(owners.size(), 30);
}

TEST_F(WindowTest, InteractiveWidgets_HaveNamesTooltipsAndAccessibleNames)
{
    window->showScreen(QStringLiteral("configure")); // whose form is made when it is seen
    ASSERT_TRUE(waitFor([this] { return window->findChild<QWidget*>(QStringLiteral("row.") + qs(config::schema().back().key)) != nullptr; }));
    for (const QWidget* widget : window->findChildren<QWidget*>()) {
        const bool isInternal = widget->objectName().startsWith(QStringLiteral("qt_")) || qobject_cast<const QAbstractSpinBox*>(widget->parentWidget()) != nullptr
            || qobject_cast<const QComboBox*>(widget->parentWidget()) != nullptr || qobject_cast<const QLineEdit*>(widget->parentWidget()) != nullptr
            || widget->inherits("QComboBoxPrivateContainer") || widget->inherits("QComboBoxListView") || widget->inherits("QTableCornerButton") || qobject_cast<const QTabBar*>(widget->parentWidget()) != nullptr;
        const bool isInteractive = qobject_cast<const QAbstractButton*>(widget) != nullptr || qobject_cast<const QLineEdit*>(widget) != nullptr
            || qobject_cast<const QComboBox*>(widget) != nullptr || qobject_cast<const QAbstractSpinBox*>(widget) != nullptr
            || (qobject_cast<const QAbstractItemView*>(widget) != nullptr && !widget->inherits("QHeaderView"));
        if (!isInteractive || isInternal)
            continue;
        const std::string where = widget->parentWidget()->objectName().toStdString() + " / " + widget->metaObject()->className();
        EXPECT_FALSE(widget->objectName().isEmpty()) << where;
        const auto* button = qobject_cast<const QAbstractButton*>(widget);
        const bool hasText = button != nullptr && !button->text().isEmpty();
        EXPECT_TRUE(hasText || !widget->accessibleName().isEmpty()) << where << " " << widget->objectName().toStdString() << " has no accessible name";
        if (button != nullptr) {
            EXPECT_FALSE(button->toolTip().isEmpty() && button->text().isEmpty()) << widget->objectName().toStdString() << " has neither text nor tooltip";
        }
    }
}

TEST_F(WindowTest, RailAndKeys_ShowEveryScreen)
{
    for (const QString& name : window->screenNames()) {
        click(child<QToolButton>(("rail." + name.toStdString()).c_str()));
        EXPECT_EQ(window->currentScreen(), name);
    }
    QTest::keyClick(window.get(), Qt::Key_3, Qt::ControlModifier);
    EXPECT_EQ(window->currentScreen(), "live");
}

TEST_F(WindowTest, OpenedRun_FillsHeaderAndLiveScreen)
{
    openRun(writeRun("first"));
    EXPECT_EQ(window->currentScreen(), "live");
    ASSERT_TRUE(waitFor([this] { return child<QLabel>("runDetails")->text().contains(QStringLiteral("step 60 of 60")); }));
    EXPECT_EQ(child<QLabel>("runName")->text(), "first");
    EXPECT_TRUE(child<QWidget>("plotReward")->isVisible());
    EXPECT_TRUE(child<QLabel>("plotRewardEmptyText")->text().isEmpty());
}

TEST_F(WindowTest, LiveRun_ButtonsSayRequestedUntilTheEngineAnswers)
{
    test::FakeRunOptions options;
    options.steps = 100;
    const fs::path path = folder.path() / "runs" / "live";
    test::FakeRun run(path, options);
    run.writeThrough(5);
    const launch::RunFolder runFolder = launch::RunFolder::create(path);
    const launch::RunLock lock = launch::RunLock::acquire(runFolder);
    launch::HeartbeatWriter heart(runFolder, 0);
    heart.setPhase(6, "generate");
    openRun(path);
    auto* checkpoint = child<QToolButton>("run.checkpoint.button");
    ASSERT_TRUE(waitFor([&] { return checkpoint->isVisible() && checkpoint->isEnabled(); }));
    click(checkpoint);
    ASSERT_TRUE(waitFor([&] { return checkpoint->text().contains(QStringLiteral("requested")); }));
    EXPECT_FALSE(checkpoint->isEnabled());
    launch::CommandInbox inbox(runFolder);
    std::vector<std::string> problems;
    const auto commands = inbox.read(problems);
    ASSERT_EQ(commands.size(), 1u);
    EXPECT_EQ(commands[0].kind, launch::CommandKind::Checkpoint);
    run.writer().addEvent(inbox.answer(commands[0], launch::Answer::Done, "written", 5));
    ASSERT_TRUE(waitFor([&] { return checkpoint->isEnabled() && !checkpoint->text().contains(QStringLiteral("requested")); }));

    // A prompt is excluded where it is seen: by the menu of its row.
    window->showScreen(QStringLiteral("difficulty"));
    auto* prompts = child<QTableView>("promptTable");
    ASSERT_TRUE(waitFor([&] { return prompts->model()->rowCount() == 200; }));
    Q_EMIT prompts->customContextMenuRequested(prompts->visualRect(prompts->model()->index(2, 0)).center());
    auto* menu = child<QMenu>("promptMenu");
    ASSERT_GE(menu->actions().size(), 6); // and what this table alone offers
    menu->actions()[3]->trigger();
    menu->close();
    std::vector<launch::Command> excluded;
    ASSERT_TRUE(waitFor([&] {
        excluded = inbox.read(problems);
        return !excluded.empty();
    }));
    EXPECT_EQ(excluded[0].kind, launch::CommandKind::ExcludePrompt);
    EXPECT_EQ(excluded[0].promptIndex, 2);
    ASSERT_TRUE(waitFor([&] { return child<QToolButton>("steerMenu")->text().contains(QStringLiteral("requested")); }));
}

TEST_F(WindowTest, StepKeys_MoveTheStepThatScreensShow)
{
    openRun(writeRun("steps"));
    ASSERT_TRUE(waitFor([this] { return window->workbench().run.currentStep() == 60; }));
    QTest::keyClick(window.get(), Qt::Key_BracketLeft);
    EXPECT_EQ(window->workbench().run.currentStep(), 59);
    window->actions().action(QStringLiteral("step.back10"))->trigger();
    EXPECT_EQ(window->workbench().run.currentStep(), 49);
    window->actions().action(QStringLiteral("step.follow"))->trigger();
    EXPECT_EQ(window->workbench().run.currentStep(), 60);
}

TEST_F(WindowTest, Palette_FindsAndRunsAnAction)
{
    QTest::keyClick(window.get(), Qt::Key_K, Qt::ControlModifier);
    auto* edit = child<QLineEdit>("commandPaletteEdit");
    ASSERT_TRUE(edit->isVisible());
    QTest::keyClicks(edit, QStringLiteral("difficulty"));
    ASSERT_GT(child<QListWidget>("commandPaletteList")->count(), 0);
    QTest::keyClick(edit, Qt::Key_Return);
    EXPECT_EQ(window->currentScreen(), "difficulty");
}

TEST_F(WindowTest, BrokenRun_ShowsAStripWithThePathAndNoCrash)
{
    const fs::path run = writeRun("broken");
    fs::resize_file(run / "run.db", 3000);
    window->openPath(run);
    auto* strip = child<QLabel>("troubleStripText");
    ASSERT_TRUE(waitFor([&] { return strip->isVisible() && strip->text().contains(QStringLiteral("broken")); }));
    for (const QString& name : window->screenNames())
        window->showScreen(name);
    window->openPath(folder / "nowhere");
    EXPECT_TRUE(strip->text().contains(QStringLiteral("nowhere")));
}

TEST_F(WindowTest, CopiedRun_LeavesNoFileBesideIt)
{
    test::writeFakeRun(folder / "copied", {});
    std::size_t before = 0;
    for ([[maybe_unused]] const auto& entry : fs::recursive_directory_iterator(folder.path()))
        ++before;
    openRun(folder / "copied");
    for (const QString& name : window->screenNames()) {
        window->showScreen(name);
        QTest::qWait(1);
    }
    ASSERT_TRUE(waitFor([this] { return !window->workbench().project.runs().empty(); }));
    std::size_t after = 0;
    for ([[maybe_unused]] const auto& entry : fs::recursive_directory_iterator(folder.path()))
        ++after;
    EXPECT_EQ(after, before);
}

// No label may be narrower than its text, on any screen: text that wraps or is elided on purpose is left out.
TEST_F(WindowTest, Labels_AreNotClippedAtTheSmallestSize)
{
    openRun(writeRun("a-run-with-quite-a-long-name"));
    window->resize(window->minimumSize());
    for (const QString& name : window->screenNames()) {
        window->showScreen(name);
        QTest::qWait(30);
        QCoreApplication::sendPostedEvents(nullptr, QEvent::LayoutRequest); // a text that has just arrived has its place now
        for (const QLabel* label : window->findChildren<QLabel*>()) {
            const bool isFlexible = label->wordWrap() || label->sizePolicy().horizontalPolicy() == QSizePolicy::Ignored || label->text().isEmpty();
            if (!label->isVisible() || isFlexible)
                continue;
            EXPECT_GE(label->width() + 1, label->fontMetrics().horizontalAdvance(label->text())) << name.toStdString() << ": " << label->text().toStdString();
        }
    }
}

TEST_F(WindowTest, Screenshots_ShowEveryScreenInBothThemes)
{
    const fs::path run = writeRun("shots");
    const fs::path target = folder / "shots";
    EXPECT_EQ(renderScreens(*window, theme, target, run), 22) << "ten screens and the jobs";
    for (const fs::directory_entry& entry : fs::directory_iterator(target)) {
        const QImage image(QString::fromStdString(entry.path().string()));
        ASSERT_GE(image.width(), 1100);
        std::set<QRgb> colors;
        for (int y = 0; y < image.height(); y += 7)
            for (int x = 0; x < image.width(); x += 7)
                colors.insert(image.pixel(x, y));
        EXPECT_GT(colors.size(), 8u) << entry.path() << " is blank";
    }
}

} // namespace
} // namespace midpoint::gui
