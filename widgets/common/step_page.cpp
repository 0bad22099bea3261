// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/common/step_page.h"

#include "widgets/viewmodels/run_model.h"

#include <QTimer>

namespace midpoint::gui {

namespace {
constexpr int kAskDelayMs = 150;
}

StepPage::StepPage(Workbench& workbench, const QString& name, QWidget* parent)
    : Page(workbench, name, parent)
    , m_askTimer(new QTimer(this))
{
    m_askTimer->setSingleShot(true);
    connect(m_askTimer, &QTimer::timeout, this, [this] { ask(); });
    connect(&run(), &RunModel::currentStepChanged, this, &StepPage::askSoon);
    connect(&run(), &RunModel::factsChanged, this, &StepPage::askSoon);
}

void StepPage::askSoon()
{
    if (isVisible() && dependsOnStep() && !m_askTimer->isActive())
        m_askTimer->start(kAskDelayMs);
}

} // namespace midpoint::gui
