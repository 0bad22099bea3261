// SPDX-License-Identifier: GPL-3.0-or-later
// Every action of the window once: menus, shortcuts, the command palette, tooltips and the cheat sheet come from this table.
#pragma once

#include <QAction>
#include <QKeySequence>
#include <QObject>

#include <functional>
#include <vector>

class QAbstractButton;
class QToolButton;
class QWidget;

namespace midpoint::gui {

class Theme;

struct ActionSpec {
    QString id;       // stable, "run.pause"
    QString text;     // "Pause the run"
    QString category; // heading of the cheat sheet and palette: "Run"
    QString icon;     // resources/icons, may be empty
    QList<QKeySequence> keys = {};
    QString help = {}; // one sentence, may be empty
    bool isCheckable = false;
};

class ActionRegistry : public QObject {
    Q_OBJECT
public:
    ActionRegistry(const Theme& theme, QWidget* window);

    QAction* add(const ActionSpec& spec, std::function<void()> run);
    QAction* add(const ActionSpec& spec, std::function<void(bool)> run);
    QAction* action(const QString& id) const; // never null: an unknown id is an error of the program
    QString categoryOf(const QAction* action) const;
    const std::vector<QAction*>& actions() const { return m_actions; }
    // A button that runs the action and shows its icon and tooltip.
    QToolButton* makeButton(const QString& id, QWidget* parent, bool showText = false) const;

private:
    QAction* make(const ActionSpec& spec);
    void refreshIcons();

    const Theme& m_theme;
    QWidget* m_window;
    std::vector<QAction*> m_actions;
};

// "Pause the run (Ctrl+P)"
QString tooltipOf(const QAction* action);

} // namespace midpoint::gui
