// SPDX-License-Identifier: GPL-3.0-or-later
// The current step: a field with arrows and a button to follow the newest step. The same on all screens that look at one step.
#pragma once

#include <QWidget>

class QSpinBox;
class QToolButton;
class QLabel;

namespace midpoint::gui {

struct Workbench;

class StepBar : public QWidget {
    Q_OBJECT
public:
    StepBar(Workbench& workbench, const QString& name, QWidget* parent);

private:
    void refresh();

    Workbench& m_workbench;
    QSpinBox* m_step;
    QLabel* m_total;
    QToolButton* m_follow;
};

} // namespace midpoint::gui
