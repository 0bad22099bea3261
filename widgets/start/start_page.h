// SPDX-License-Identifier: GPL-3.0-or-later
// Where one begins: the demo, projects opened before, runs that are going on, and a place to drop folders and configurations.
#pragma once

#include "widgets/common/page.h"
#include "backend/launch/run_state.h"
#include "widgets/viewmodels/background.h"

#include <filesystem>
#include <vector>

class QLabel;
class QListWidget;
class QTimer;
class QPushButton;
class QVBoxLayout;

namespace midpoint::gui {

class StartPage : public Page {
    Q_OBJECT
public:
    StartPage(Workbench& workbench, std::filesystem::path workspace, QWidget* parent);
    void activated() override;
    void deactivated() override;
    void setRecent(const QStringList& paths);

Q_SIGNALS:
    void openRequested(std::filesystem::path path);
    void browseRequested();
    void demoRequested(std::filesystem::path configuration);

private:
    void buildDemo(QVBoxLayout* layout);
    void buildLists(QVBoxLayout* layout);
    void findProjects();
    void findActive();
    void refreshRuns();

    std::filesystem::path m_workspace; // holds projects/ and runs/
    Background m_background { this };
    std::vector<std::pair<std::filesystem::path, launch::RunState>> m_active; // runs that go on anywhere on this machine
    QTimer* m_activeTimer;
    QListWidget* m_projects;
    QListWidget* m_recent;
    QListWidget* m_runs;
    QLabel* m_runsTitle;
};

} // namespace midpoint::gui
