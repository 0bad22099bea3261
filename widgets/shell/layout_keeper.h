// SPDX-License-Identifier: GPL-3.0-or-later
// What the window looks like belongs to the project: places of splitters, columns of tables, filters and choices of the screens
// are saved one second after a change and come back when the project is opened, and one by one when they are undone. Widgets are
// found by object name.
#pragma once

#include <QJsonObject>
#include <QObject>
#include <QTimer>

#include <set>
#include <vector>

class QTableView;
class QWidget;

namespace midpoint::gui {

class ProjectModel;

class LayoutKeeper : public QObject {
    Q_OBJECT
public:
    static constexpr int kSaveAfterMs = 1000;

    LayoutKeeper(QWidget* window, ProjectModel& project); // after the pages are built; child of the window
    QJsonObject present() const;
    void changed(); // something of it, by hand
    bool undo();    // the last change; false: there is none
    bool redo();
    void restore(const QJsonObject& layout); // names that are not known, and values that do not fit, are passed over

private:
    void watch();
    void settle();
    void save(const QJsonObject& layout);
    void show(const QJsonObject& layout);
    void widen(QTableView* table); // once, when the rows of the project are there

    QWidget* m_window;
    ProjectModel& m_project;
    QTimer m_timer;
    bool m_isRestoring = false;
    bool m_isEcho = false; // what changes now follows from what was restored
    std::set<QTableView*> m_toWiden;
    std::vector<QJsonObject> m_states; // a layout that stood for a second is a step
    std::size_t m_place = 0;
};

} // namespace midpoint::gui
