// SPDX-License-Identifier: GPL-3.0-or-later
// What the screens of a run share: theme, run, actions, and being told when they come into sight.
#pragma once

#include "widgets/theme/theme.h"
#include "widgets/viewmodels/filter_history.h"

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
    virtual QVariantMap filters() const { return {}; } // what is searched for and chosen on this screen
    virtual void setFilters(const QVariantMap&) { }
    bool goBack();    // to the filters before these; false: there are none
    bool goForward();
    void forgetFilters(); // the present ones are the first: of another run or project
    bool mayCommand() const;       // the run is going on and takes commands

Q_SIGNALS:
    void screenRequested(const QString& screen); // "live", "rollouts", ...
    void statusMessage(const QString& text);
    void promptRequested(midpoint::gui::PromptAction what, std::int64_t promptIndex);

protected:
    void filtersChanged(FilterHistory::Change change); // by hand
    Workbench& workbench() const { return m_workbench; }
    Theme& theme() const { return m_workbench.theme; }
    RunModel& run() const { return m_workbench.run; }

private:
    void show(const QVariantMap& filters);

    Workbench& m_workbench;
    FilterHistory m_history;
    bool m_isGoing = false; // back or forward
};

} // namespace midpoint::gui
