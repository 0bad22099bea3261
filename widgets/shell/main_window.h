// SPDX-License-Identifier: GPL-3.0-or-later
// The window: rail of screens, strip of the run, screens, strips for trouble and alerts. It wires parts together and computes nothing.
#pragma once

#include "widgets/common/page.h"

#include <QMainWindow>

#include <filesystem>
#include <map>

class QLabel;
class QStackedWidget;
class QTimer;
class QToolButton;

namespace midpoint::gui {

class BenchmarkPage;
class BufferPage;
class CommandPalette;
class ConfigurePage;
class DifficultyPage;
class LivePage;
class LogPage;
class MessageStrip;
class RolloutsPage;
class RunControl;
class LayoutKeeper;
class RunHeaderBar;
class RunNotices;
class RunsPage;
class StartPage;
class SystemPage;
class TroubleStrip;

struct WindowOptions {
    std::filesystem::path program;     // the midpoint binary, for runs that are started
    std::filesystem::path workspace;   // holds projects/, and runs/ with the runs that the Start screen starts
    bool remembersWindow = true;       // geometry and recent paths; off for screenshots and tests
};

class MainWindow : public QMainWindow {
    Q_OBJECT
public:
    MainWindow(Theme& theme, WindowOptions options);
    ~MainWindow() override;

    // A run folder, a database file, a configuration, a project folder, or the result of a benchmark.
    void openPath(const std::filesystem::path& path);
    void openRun(const std::filesystem::path& path);
    void openProject(const std::filesystem::path& path);
    void openBenchmark(const std::filesystem::path& file);
    void showScreen(const QString& name);
    QStringList screenNames() const;
    QString currentScreen() const;
    Workbench& workbench() { return m_workbench; }
    ActionRegistry& actions() { return *m_actions; }
    void showTrouble(const QString& message);

protected:
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;
    void closeEvent(QCloseEvent* event) override;

private:
    void declareActions(); // window_actions.cpp
    void declareScreenActions();
    void declareRunActions();
    void declareViewActions();
    void buildMenus();
    void buildPages();
    void buildShell();
    void connectModels();
    QToolButton* addScreen(const QString& name, Page* page, const QString& actionId);
    void say(const QString& text); // in the status bar, for some seconds
    void refreshStatus();
    void refreshAlert();
    void refreshStrips();
    void browse();
    void rememberRecent(const std::filesystem::path& path);
    void startDemo(const std::filesystem::path& configuration);
    void startRun(const std::filesystem::path& config, const std::vector<std::string>& overrides, const std::filesystem::path& run);
    void askSetting(const std::string& key, const QString& title, const QString& label);
    void askPrompt(bool excludes);
    void actOnPrompt(PromptAction what, std::int64_t promptIndex);
    void openPalette();
    void showCheatSheet();
    void setXQuantity(int index);
    void moveStep(int by);
    void undo();
    void redo();
    Page* currentPage() const;

    Theme& m_theme;
    WindowOptions m_options;
    RunModel* m_run;
    ProjectModel* m_project;
    ActionRegistry* m_actions;
    RunControl* m_control;
    Workbench m_workbench;
    QStackedWidget* m_stack = nullptr;
    RunHeaderBar* m_header = nullptr;
    TroubleStrip* m_trouble = nullptr;
    MessageStrip* m_alert = nullptr;
    RunNotices* m_notices = nullptr;
    QLabel* m_status = nullptr;
    QTimer* m_saidTimer = nullptr;
    QString m_said;
    CommandPalette* m_palette = nullptr;
    LayoutKeeper* m_layout = nullptr;
    StartPage* m_start = nullptr;
    RunsPage* m_runsPage = nullptr;
    ConfigurePage* m_configure = nullptr;
    LivePage* m_live = nullptr;
    DifficultyPage* m_difficulty = nullptr;
    BufferPage* m_buffer = nullptr;
    RolloutsPage* m_rollouts = nullptr;
    SystemPage* m_system = nullptr;
    LogPage* m_log = nullptr;
    BenchmarkPage* m_benchmark = nullptr;
    std::map<QString, Page*> m_pages;
    QStringList m_screenOrder;
    std::size_t m_dismissedEvents = 0;
    bool m_isRunScreen = false;
};

} // namespace midpoint::gui
