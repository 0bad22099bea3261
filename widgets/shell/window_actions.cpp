// SPDX-License-Identifier: GPL-3.0-or-later
// The table of actions: everything that can be done with a key, a menu, a button or the palette stands here once.
#include "widgets/shell/main_window.h"

#include "backend/core/error.h"
#include "widgets/benchmark/benchmark_page.h"
#include "widgets/common/action_registry.h"
#include "widgets/common/command_palette.h"
#include "widgets/configure/configure_page.h"
#include "widgets/difficulty/difficulty_page.h"
#include "widgets/live/live_page.h"
#include "widgets/log/log_page.h"
#include "widgets/rollouts/rollouts_page.h"
#include "widgets/runs/runs_page.h"
#include "widgets/shell/layout_keeper.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/run_control.h"
#include "widgets/viewmodels/run_model.h"

#include <QActionGroup>
#include <QApplication>
#include <QDialog>
#include <QFileDialog>
#include <QInputDialog>
#include <QMenuBar>
#include <QSettings>
#include <QTextBrowser>
#include <QVBoxLayout>

#include <algorithm>

namespace midpoint::gui {

void MainWindow::declareActions()
{
    declareScreenActions();
    declareRunActions();
    declareViewActions();
}

void MainWindow::declareScreenActions()
{
    const QString screens = tr("Screens");
    struct Screen {
        const char* name;
        QString text;
        QString help;
    };
    const Screen table[] = { { "start", tr("Start"), tr("Demo, projects opened before") }, { "runs", tr("Runs"), tr("All runs, and comparing them") },
        { "configure", tr("Configure"), tr("Settings of a new run") }, { "live", tr("Live"), tr("Curves of the run") },
        { "difficulty", tr("Difficulty"), tr("Predicted and measured difficulty") }, { "buffer", tr("Buffer"), tr("The replay buffer") },
        { "rollouts", tr("Rollouts"), tr("What the model writes") }, { "system", tr("System"), tr("Ranks, time, memory, disk") }, { "log", tr("Log"), tr("Events and logs") },
        { "benchmark", tr("Benchmark"), tr("What methods needed to the same accuracy") } };
    auto* group = new QActionGroup(this);
    int number = 0;
    for (const Screen& screen : table) {
        const QString name = QString::fromUtf8(screen.name);
        ActionSpec spec { QStringLiteral("screen.") + name, screen.text, screens, name == QStringLiteral("start") ? QStringLiteral("home") : name,
            { QKeySequence(QStringLiteral("Ctrl+%1").arg(number++)) }, screen.help, true };
        group->addAction(m_actions->add(spec, [this, name] { showScreen(name); }));
    }
}

void MainWindow::declareRunActions()
{
    const QString project = tr("Project");
    const QString run = tr("Run");
    ActionRegistry& a = *m_actions;
    const auto send = [this](launch::CommandKind kind) {
        launch::Command command;
        command.kind = kind;
        m_control->send(m_run->path(), command);
    };
    a.add({ "project.open", tr("Open project or run…"), project, "open", { QKeySequence::Open }, tr("A project folder, a run folder, or a snapshot") }, [this] { browse(); });
    a.add({ "project.openSnapshot", tr("Open snapshot or benchmark…"), project, {}, {}, tr("A file that `midpoint snapshot` has written, or the results.db of `midpoint bench time-to-target`") }, [this] {
        const QString file = QFileDialog::getOpenFileName(this, tr("Open snapshot or benchmark"), {}, tr("Snapshots and results (*.db);;All files (*)"));
        if (!file.isEmpty())
            openPath(file.toStdString());
    });
    a.add({ "project.newRun", tr("New run"), project, "plus", { QKeySequence::New }, tr("Configure a new run") }, [this] {
        showScreen(QStringLiteral("configure"));
        m_configure->showRunForm();
    });
    a.add({ "project.startRun", tr("Start the configured run"), project, "play", { QKeySequence(QStringLiteral("Ctrl+Return")) } }, [this] { m_configure->startRun(); });
    a.add({ "project.jobs", tr("Make a predictor: embed, label, train"), project, {}, { QKeySequence(QStringLiteral("Ctrl+J")) }, tr("Jobs that make a difficulty predictor") }, [this] {
        showScreen(QStringLiteral("configure"));
        m_configure->showJobs();
    });
    a.add({ "run.pause", tr("Pause"), run, "pause", { QKeySequence(QStringLiteral("Ctrl+P")) }, tr("Pause or continue the run between two phases") },
        [this, send] { send(m_run->header().state.kind == launch::RunStateKind::Paused ? launch::CommandKind::Continue : launch::CommandKind::Pause); });
    a.add({ "run.checkpoint", tr("Checkpoint"), run, "checkpoint", { QKeySequence(QStringLiteral("Ctrl+S")) }, tr("Write a checkpoint now") },
        [send] { send(launch::CommandKind::Checkpoint); });
    a.add({ "run.stopAfterStep", tr("Stop after this step"), run, "stop", { QKeySequence(QStringLiteral("Ctrl+.")) }, {} }, [send] { send(launch::CommandKind::StopAfterStep); });
    a.add({ "run.stopNow", tr("Stop now"), run, "close", {}, tr("The step that is going on is lost") }, [send] { send(launch::CommandKind::StopNow); });
    a.add({ "run.resume", tr("Resume"), run, "play", { QKeySequence(QStringLiteral("Ctrl+R")) }, tr("Go on from the newest complete checkpoint") }, [this] { m_control->resume(m_run->path()); });
    a.add({ "run.setTarget", tr("Change the target success rate…"), run, {}, {}, tr("selection.target, from the next step on") },
        [this] { askSetting("selection.target", tr("Target success rate"), tr("Prompts with this success rate are preferred (0 to 1)")); });
    a.add({ "run.setLearningRate", tr("Change the learning rate…"), run, {}, {}, tr("optimizer.learning_rate, from the next step on") },
        [this] { askSetting("optimizer.learning_rate", tr("Learning rate"), tr("New learning rate")); });
    a.add({ "run.excludePrompt", tr("Exclude a prompt…"), run, {}, {}, tr("It is not chosen any more") }, [this] { askPrompt(true); });
    a.add({ "run.pinPrompt", tr("Pin a prompt…"), run, {}, {}, tr("It is chosen in every step") }, [this] { askPrompt(false); });
    const QString runs = tr("Runs table");
    // They speak of the rows chosen in the table, so they do nothing where it is not in sight.
    const auto onRuns = [this](void (RunsPage::*act)()) {
        return [this, act] {
            if (currentScreen() == QStringLiteral("runs"))
                (m_runsPage->*act)();
        };
    };
    a.add({ "runs.compare", tr("Compare"), runs, "compare", { QKeySequence(QStringLiteral("C")) }, tr("Add the chosen runs to the comparison, or take them out (Space)") }, onRuns(&RunsPage::toggleCompared));
    a.add({ "runs.star", tr("Star"), runs, "star", { QKeySequence(QStringLiteral("S")) }, tr("Starred runs stand on top and cannot be removed") }, onRuns(&RunsPage::toggleStar));
    a.add({ "runs.color", tr("Colour…"), runs, {}, { QKeySequence(QStringLiteral("L")) }, tr("Colour and line of the run in every plot") }, onRuns(&RunsPage::chooseColor));
    a.add({ "runs.rename", tr("Rename…"), runs, {}, { QKeySequence(Qt::Key_F2) }, tr("The run and its folder") }, onRuns(&RunsPage::rename));
    a.add({ "runs.note", tr("Note…"), runs, {}, { QKeySequence(QStringLiteral("Shift+F2")) } }, onRuns(&RunsPage::editNote));
    a.add({ "runs.tags", tr("Tags…"), runs, {}, { QKeySequence(QStringLiteral("T")) } }, onRuns(&RunsPage::editTags));
    a.add({ "runs.groupSeeds", tr("Group seeds"), runs, {}, { QKeySequence(QStringLiteral("G")) }, tr("One row for runs that differ in nothing but their seed, or each by itself") }, onRuns(&RunsPage::toggleSeedGroups));
    a.add({ "runs.trash", tr("Move to trash"), runs, "trash", { QKeySequence::Delete } }, onRuns(&RunsPage::trashSelected));
}

void MainWindow::declareViewActions()
{
    ActionRegistry& a = *m_actions;
    const QString view = tr("View");
    const QString plots = tr("Plots");
    const QString rollouts = tr("Rollouts");
    a.add({ "view.palette", tr("Find anything…"), view, "search", { QKeySequence(QStringLiteral("Ctrl+K")) } }, [this] { openPalette(); });
    a.add({ "view.filter", tr("Search on this screen"), view, "search", { QKeySequence::Find } }, [this] { currentPage()->focusFilter(); });
    a.add({ "view.back", tr("Back to the filters before"), view, "previous", { QKeySequence(QStringLiteral("Alt+Left")) }, tr("Search, choices and regions of this screen, one by one") }, [this] {
        if (!currentPage()->goBack())
            say(tr("There are no earlier filters on this screen."));
    });
    a.add({ "view.forward", tr("Forward to the filters after"), view, {}, { QKeySequence(QStringLiteral("Alt+Right")) } }, [this] { currentPage()->goForward(); });
    a.add({ "view.findNext", tr("Find next in the log"), view, {}, { QKeySequence(Qt::Key_F3) } }, [this] { m_log->findNext(); });
    a.add({ "view.cheatSheet", tr("Keys"), tr("Help"), "help", { QKeySequence(Qt::Key_F1) } }, [this] { showCheatSheet(); });
    auto* themes = new QActionGroup(this);
    const std::pair<const char*, QString> choices[] = { { "view.themeSystem", tr("Theme of the system") }, { "view.themeLight", tr("Light theme") }, { "view.themeDark", tr("Dark theme") } };
    for (int i = 0; i < 3; ++i) {
        const auto choice = static_cast<ThemeChoice>(i);
        QAction* action = a.add({ QString::fromUtf8(choices[i].first), choices[i].second, view, i == 2 ? QStringLiteral("moon") : QString(), {}, {}, true }, [this, choice] {
            m_theme.setChoice(choice);
            if (m_options.remembersWindow)
                QSettings().setValue(QStringLiteral("theme"), static_cast<int>(choice));
        });
        action->setChecked(m_theme.choice() == choice);
        themes->addAction(action);
    }
    a.add({ "step.previous", tr("Previous step"), view, "previous", { QKeySequence(Qt::Key_BracketLeft) } }, [this] { moveStep(-1); });
    a.add({ "step.next", tr("Next step"), view, "next", { QKeySequence(Qt::Key_BracketRight) } }, [this] { moveStep(1); });
    a.add({ "step.back10", tr("Ten steps back"), view, {}, { QKeySequence(Qt::Key_BraceLeft) } }, [this] { moveStep(-10); });
    a.add({ "step.forward10", tr("Ten steps on"), view, {}, { QKeySequence(Qt::Key_BraceRight) } }, [this] { moveStep(10); });
    a.add({ "step.follow", tr("Newest"), view, "follow", { QKeySequence(QStringLiteral("F")) }, tr("Show the newest step and stay there") }, [this] { m_run->followNewest(); });
    a.add({ "plot.resetZoom", tr("Reset zoom"), plots, "reset", { QKeySequence(QStringLiteral("R")) } }, [this] { m_live->resetZoom(); });
    a.add({ "plot.logX", tr("Logarithmic x axis"), plots, {}, { QKeySequence(QStringLiteral("X")) } }, [this] { m_live->toggleLogX(); });
    a.add({ "plot.logY", tr("Logarithmic y axis"), plots, {}, { QKeySequence(QStringLiteral("Y")) } }, [this] { m_live->toggleLogY(); });
    a.add({ "plot.maximize", tr("One plot alone"), plots, "fullscreen", { QKeySequence(Qt::Key_F11) } }, [this] { m_live->toggleMaximized(); });
    a.add({ "plot.smoother", tr("More smoothing"), plots, {}, { QKeySequence(Qt::Key_Plus) } }, [this] { m_live->changeSmoothing(0.05); });
    a.add({ "plot.rougher", tr("Less smoothing"), plots, {}, { QKeySequence(Qt::Key_Minus) } }, [this] { m_live->changeSmoothing(-0.05); });
    const QString quantities[] = { tr("x axis: steps"), tr("x axis: time"), tr("x axis: rollouts"), tr("x axis: tokens") };
    for (int i = 0; i < 4; ++i)
        a.add({ QStringLiteral("plot.x%1").arg(i + 1), quantities[i], plots, {}, { QKeySequence(QString::number(i + 1)) } }, [this, i] { setXQuantity(i); });
    a.add({ "live.addPlot", tr("Add a plot…"), plots, "plus", { QKeySequence(QStringLiteral("Ctrl+Shift+P")) }, tr("A plot of any metric of the run, or one that was hidden") }, [this] {
        std::vector<PaletteEntry> entries;
        for (const auto& [name, title] : m_live->hiddenPlots())
            entries.push_back({ title, tr("hidden plot"), true, [this, name = name] { m_live->showPlot(name); } });
        for (const std::string& name : m_run->metricNames())
            entries.push_back({ qs(name), number(m_run->last(name)), true, [this, name] { m_live->addMetricPlot(qs(name)); } });
        m_palette->open(std::move(entries));
    });
    a.add({ "rollouts.next", tr("Next rollout"), rollouts, {}, { QKeySequence(QStringLiteral("N")) } }, [this] { m_rollouts->moveBy(1); });
    a.add({ "rollouts.previous", tr("Previous rollout"), rollouts, {}, { QKeySequence(QStringLiteral("P")) } }, [this] { m_rollouts->moveBy(-1); });
    a.add({ "rollouts.sideBySide", tr("Side by side"), rollouts, "compare", { QKeySequence(QStringLiteral("D")) } }, [this] { m_rollouts->toggleSideBySide(); });
    a.add({ "view.undo", tr("Undo"), view, "reset", { QKeySequence::Undo }, tr("The last change of a setting on Configure, of the layout elsewhere") }, [this] { undo(); });
    a.add({ "view.redo", tr("Redo"), view, {}, { QKeySequence(QStringLiteral("Ctrl+Shift+Z")), QKeySequence(QStringLiteral("Ctrl+Y")) } }, [this] { redo(); });
    a.add({ "alert.show", tr("Show"), view, "log", {}, tr("Open the log") }, [this] { showScreen(QStringLiteral("log")); });
    a.add({ "alert.dismiss", tr("Dismiss"), view, "close", {}, tr("Hide this warning until the next one") }, [this] {
        m_dismissedEvents = m_run->events().size();
        refreshAlert();
    });
    a.add({ "window.quit", tr("Close the window"), tr("Project"), {}, { QKeySequence::Quit }, tr("Runs go on") }, [this] { close(); });
}

// On Configure the settings, elsewhere what the window looks like.
void MainWindow::undo()
{
    if (currentPage() == m_configure)
        m_configure->undo();
    else if (!m_layout->undo())
        say(tr("There is nothing to undo on this screen."));
}

void MainWindow::redo()
{
    if (currentPage() == m_configure)
        m_configure->redo();
    else
        m_layout->redo();
}

void MainWindow::buildMenus()
{
    std::map<QString, QMenu*> menus;
    for (const QString& category : { tr("Project"), tr("Run"), tr("Screens"), tr("View"), tr("Plots"), tr("Runs table"), tr("Rollouts"), tr("Help") }) {
        menus[category] = menuBar()->addMenu(category);
        menus[category]->setObjectName(QStringLiteral("menu.") + category);
    }
    for (QAction* action : m_actions->actions()) {
        const QString category = m_actions->categoryOf(action);
        MIDPOINT_ASSERT(menus.count(category) > 0, "every category has its menu");
        menus[category]->addAction(action);
    }
}

void MainWindow::openPalette()
{
    std::vector<PaletteEntry> entries;
    for (QAction* action : m_actions->actions()) {
        QString detail = m_actions->categoryOf(action);
        if (!action->shortcut().isEmpty())
            detail += QStringLiteral("   ") + action->shortcut().toString(QKeySequence::NativeText);
        entries.push_back({ action->text(), detail, action->isEnabled(), [action] { action->trigger(); } });
    }
    for (const auto& run : m_project->runs())
        entries.push_back({ qs(run->name), tr("open run"), true, [this, path = run->path] { openRun(path); } });
    for (const std::string& name : m_run->metricNames())
        entries.push_back({ qs(name), tr("plot this metric"), true, [this, name] {
                               showScreen(QStringLiteral("live"));
                               m_live->addMetricPlot(qs(name));
                           } });
    for (const store::PromptRecord& prompt : m_run->facts().prompts)
        entries.push_back({ qs(prompt.text.substr(0, 90)).simplified(), tr("prompt %1").arg(prompt.index), true, [this, index = prompt.index] {
                               showScreen(QStringLiteral("difficulty"));
                               m_difficulty->showPrompt(index);
                           } });
    m_palette->open(std::move(entries));
}

void MainWindow::showCheatSheet()
{
    auto* dialog = new QDialog(this);
    dialog->setObjectName(QStringLiteral("cheatSheet"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setWindowTitle(tr("Keys"));
    auto* text = new QTextBrowser(dialog);
    text->setObjectName(QStringLiteral("cheatSheetText"));
    text->setAccessibleName(tr("Keys"));
    QString html = QStringLiteral("<table cellpadding=3>");
    QString category;
    for (const QAction* action : m_actions->actions()) {
        if (action->shortcut().isEmpty())
            continue;
        if (m_actions->categoryOf(action) != category) {
            category = m_actions->categoryOf(action);
            html += QStringLiteral("<tr><td colspan=2><h3>%1</h3></td></tr>").arg(category.toHtmlEscaped());
        }
        html += QStringLiteral("<tr><td><b>%1</b></td><td>%2</td></tr>").arg(action->shortcut().toString(QKeySequence::NativeText).toHtmlEscaped(), action->text().toHtmlEscaped());
    }
    html += QStringLiteral("<tr><td colspan=2><h3>%1</h3></td></tr>").arg(tr("Mouse"));
    html += QStringLiteral("<tr><td><b>%1</b></td><td>%2</td></tr>").arg(tr("Ctrl+wheel, drag"), tr("zoom and move a plot; double click resets"));
    html += QStringLiteral("<tr><td><b>%1</b></td><td>%2</td></tr>").arg(tr("click on a curve"), tr("look at that step on Difficulty, Buffer and Rollouts"));
    html += QStringLiteral("<tr><td><b>%1</b></td><td>%2</td></tr>").arg(tr("Shift+click"), tr("fix a second line; values then show their difference to it"));
    html += QStringLiteral("<tr><td><b>%1</b></td><td>%2</td></tr>").arg(tr("drag over points"), tr("list the prompts within the rectangle"));
    text->setHtml(html + QStringLiteral("</table>"));
    auto* layout = new QVBoxLayout(dialog);
    layout->addWidget(text);
    dialog->resize(520, 640);
    dialog->show();
}

void MainWindow::setXQuantity(int index)
{
    if (currentScreen() == QStringLiteral("runs"))
        m_runsPage->setXQuantity(static_cast<XQuantity>(index));
    else if (currentScreen() == QStringLiteral("benchmark"))
        m_benchmark->setXQuantity(static_cast<XQuantity>(index));
    else
        m_live->setXQuantity(static_cast<XQuantity>(index));
}

void MainWindow::moveStep(int by) { m_run->setCurrentStep(std::clamp<std::int64_t>(m_run->currentStep() + by, 0, m_run->newestStep())); }

void MainWindow::askSetting(const std::string& key, const QString& title, const QString& label)
{
    bool isAccepted = false;
    const QString value = QInputDialog::getText(this, title, label, QLineEdit::Normal, qs(m_run->setting(key)), &isAccepted);
    if (!isAccepted || value.trimmed().isEmpty())
        return;
    launch::Command command;
    command.kind = launch::CommandKind::Set;
    command.key = key;
    command.value = value.trimmed().toStdString();
    m_control->send(m_run->path(), command);
}

void MainWindow::askPrompt(bool excludes)
{
    bool isAccepted = false;
    const int last = static_cast<int>(std::max<std::size_t>(m_run->facts().prompts.size(), 1)) - 1;
    const int index = QInputDialog::getInt(this, excludes ? tr("Exclude a prompt") : tr("Pin a prompt"), tr("Number of the prompt in the pool"), std::clamp(static_cast<int>(m_difficulty->selectedPrompt()), 0, last), 0, last, 1, &isAccepted);
    if (!isAccepted)
        return;
    actOnPrompt(excludes ? PromptAction::Exclude : PromptAction::Pin, index);
}

void MainWindow::actOnPrompt(PromptAction what, std::int64_t promptIndex)
{
    if (what == PromptAction::Rollouts) {
        m_rollouts->showPrompt(promptIndex);
        showScreen(QStringLiteral("rollouts"));
        return;
    }
    if (what == PromptAction::History) {
        showScreen(QStringLiteral("difficulty"));
        m_difficulty->showPrompt(promptIndex);
        return;
    }
    launch::Command command;
    command.kind = what == PromptAction::Exclude ? launch::CommandKind::ExcludePrompt
        : what == PromptAction::Pin              ? launch::CommandKind::PinPrompt
                                                 : launch::CommandKind::UnpinPrompt;
    command.promptIndex = promptIndex;
    m_control->send(m_run->path(), command);
}

} // namespace midpoint::gui
