// SPDX-License-Identifier: GPL-3.0-or-later
// A screen about the current step: it asks the reader thread when it comes into sight, and soon after the step changed.
#pragma once

#include "widgets/common/page.h"

class QTimer;

namespace midpoint::gui {

class StepPage : public Page {
    Q_OBJECT
public:
    StepPage(Workbench& workbench, const QString& name, QWidget* parent);
    void activated() override { ask(); }

protected:
    virtual void ask() = 0;
    virtual bool dependsOnStep() const { return true; } // false while what is shown is the same for every step

private:
    void askSoon(); // several changes in a row are one question; none while out of sight

    QTimer* m_askTimer;
};

} // namespace midpoint::gui
