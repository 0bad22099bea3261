// SPDX-License-Identifier: GPL-3.0-or-later
// The strip above every screen of a run: name, state in shape, word and colour, progress, and the buttons that command it. A button
// says "requested" until the engine answers.
#pragma once

#include <QWidget>

class QLabel;
class QProgressBar;
class QToolButton;

namespace midpoint::gui {

struct Workbench;

class RunHeaderBar : public QWidget {
    Q_OBJECT
public:
    RunHeaderBar(Workbench& workbench, QWidget* parent);

private:
    void refresh();
    void refreshButtons();

    Workbench& m_workbench;
    QLabel* m_name;
    QLabel* m_state;
    QProgressBar* m_progress;
    QLabel* m_details;
    QToolButton* m_pause;
    QToolButton* m_checkpoint;
    QToolButton* m_stop;
    QToolButton* m_resume;
    QToolButton* m_more;
};

} // namespace midpoint::gui
