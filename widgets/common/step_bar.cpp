// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/common/step_bar.h"

#include "widgets/common/action_registry.h"
#include "widgets/common/page.h"
#include "widgets/viewmodels/run_model.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QToolButton>

namespace midpoint::gui {

StepBar::StepBar(Workbench& workbench, const QString& name, QWidget* parent)
    : QWidget(parent)
    , m_workbench(workbench)
    , m_step(new QSpinBox(this))
    , m_total(new QLabel(this))
    , m_follow(workbench.actions.makeButton(QStringLiteral("step.follow"), this, true))
{
    setObjectName(name);
    m_step->setObjectName(name + QStringLiteral("Step"));
    m_step->setAccessibleName(tr("Step that is shown"));
    m_step->setToolTip(tr("Step that Difficulty, Buffer and Rollouts show ([ and ] go back and forth)"));
    m_step->setKeyboardTracking(false);
    m_step->setMinimumWidth(m_step->fontMetrics().horizontalAdvance(QStringLiteral("0000000")) + 40);
    m_follow->setObjectName(name + QStringLiteral("Follow"));
    auto* caption = new QLabel(tr("step"), this);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(caption);
    layout->addWidget(m_step);
    layout->addWidget(m_total);
    layout->addWidget(m_follow);
    connect(m_step, &QSpinBox::valueChanged, this, [this](int step) { m_workbench.run.setCurrentStep(step); });
    connect(&workbench.run, &RunModel::currentStepChanged, this, &StepBar::refresh);
    connect(&workbench.run, &RunModel::headerChanged, this, &StepBar::refresh);
    refresh();
}

void StepBar::refresh()
{
    const RunModel& run = m_workbench.run;
    const QSignalBlocker block(m_step);
    m_step->setRange(0, static_cast<int>(std::max(run.header().step, run.currentStep())));
    if (!m_step->hasFocus() || run.followsNewest())
        m_step->setValue(static_cast<int>(run.currentStep()));
    m_total->setText(tr("of %1").arg(run.header().step));
}

} // namespace midpoint::gui
