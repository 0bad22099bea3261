// SPDX-License-Identifier: GPL-3.0-or-later
// What the window looks like belongs to the project: places of splitters, columns of tables, filters and choices of the screens
// are saved one second after a change and come back when the project is opened. Widgets are found by object name.
#pragma once

#include <QJsonObject>
#include <QObject>
#include <QTimer>

class QWidget;

namespace midpoint::gui {

class ProjectModel;

class LayoutKeeper : public QObject {
    Q_OBJECT
public:
    static constexpr int kSaveAfterMs = 1000;

    LayoutKeeper(QWidget* window, ProjectModel& project); // after the pages are built; child of the window
    QJsonObject present() const;
    void restore(const QJsonObject& layout); // names that are not known, and values that do not fit, are passed over

private:
    void watch();
    void changed();

    QWidget* m_window;
    ProjectModel& m_project;
    QTimer m_timer;
    bool m_isRestoring = false;
};

} // namespace midpoint::gui
