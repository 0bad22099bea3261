// SPDX-License-Identifier: GPL-3.0-or-later
// What the screens of a run share: theme, run, actions, and being told when they come into sight.
#pragma once

#include "widgets/theme/theme.h"

#include <QWidget>

#include <filesystem>

namespace midpoint::gui {

class RunModel;
class ActionRegistry;
class ProjectModel;

struct Workbench { // owned by the window; outlives every page
    Theme& theme;
    RunModel& run;
    ProjectModel& project;
    ActionRegistry& actions;
};

// What can be asked for where a prompt of the pool is shown.
enum class PromptAction { Rollouts, History, Exclude, Pin, Unpin };

class Page : public QWidget {
    Q_OBJECT
public:
    Page(Workbench& workbench, const QString& name, QWidget* parent)
        : QWidget(parent)
        , m_workbench(workbench)
    {
        setObjectName(name);
    }
    virtual void activated() { }   // the page is now the one in sight
    virtual void deactivated() { }
    virtual void focusFilter() { } // Ctrl+F
    bool mayCommand() const;       // the run is going on and takes commands

Q_SIGNALS:
    void screenRequested(const QString& screen); // "live", "rollouts", ...
    void statusMessage(const QString& text);
    void promptRequested(midpoint::gui::PromptAction what, std::int64_t promptIndex);

protected:
    Workbench& workbench() const { return m_workbench; }
    Theme& theme() const { return m_workbench.theme; }
    RunModel& run() const { return m_workbench.run; }

private:
    Workbench& m_workbench;
};

} // namespace midpoint::gui
