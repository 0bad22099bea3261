// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/shell/run_header_bar.h"

#include "widgets/common/action_registry.h"
#include "widgets/common/page.h"
#include "widgets/common/run_state_style.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/run_model.h"

#include <QDateTime>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QProgressBar>
#include <QToolButton>

#include <algorithm>

namespace midpoint::gui {

RunHeaderBar::RunHeaderBar(Workbench& workbench, QWidget* parent)
    : QWidget(parent)
    , m_workbench(workbench)
    , m_name(new QLabel(this))
    , m_state(new QLabel(this))
    , m_progress(new QProgressBar(this))
    , m_details(new QLabel(this))
    , m_pause(workbench.actions.makeButton(QStringLiteral("run.pause"), this, true))
    , m_checkpoint(workbench.actions.makeButton(QStringLiteral("run.checkpoint"), this, true))
    , m_stop(new QToolButton(this))
    , m_resume(workbench.actions.makeButton(QStringLiteral("run.resume"), this, true))
    , m_more(new QToolButton(this))
{
    setObjectName(QStringLiteral("runHeader"));
    QFont nameFont = font();
    nameFont.setPointSizeF(nameFont.pointSizeF() + 2);
    nameFont.setWeight(QFont::DemiBold);
    m_name->setFont(nameFont);
    m_name->setObjectName(QStringLiteral("runName"));
    m_name->setTextFormat(Qt::PlainText);
    QFont stateFont = font();
    stateFont.setWeight(QFont::DemiBold);
    m_state->setFont(stateFont);
    m_state->setObjectName(QStringLiteral("runState"));
    m_progress->setObjectName(QStringLiteral("runProgress"));
    m_progress->setTextVisible(false);
    m_progress->setMaximumWidth(140);
    m_progress->setMaximumHeight(10);
    m_progress->setAccessibleName(tr("Progress of the run"));
    m_details->setObjectName(QStringLiteral("runDetails"));
    m_details->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    const auto menuButton = [this, &workbench](QToolButton* button, const QString& name, const QString& text, const QString& icon, std::initializer_list<const char*> actions) {
        auto* menu = new QMenu(button);
        for (const char* id : actions)
            menu->addAction(workbench.actions.action(QString::fromUtf8(id)));
        button->setObjectName(name);
        button->setMenu(menu);
        button->setPopupMode(QToolButton::InstantPopup);
        button->setAutoRaise(true);
        button->setText(text);
        button->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
        button->setAccessibleName(text);
        workbench.theme.setIcon(button, icon);
    };
    menuButton(m_stop, QStringLiteral("stopMenu"), tr("Stop"), QStringLiteral("stop"), { "run.stopAfterStep", "run.stopNow" });
    m_stop->setToolTip(tr("Stop the run: after this step with a checkpoint, or now"));
    menuButton(m_more, QStringLiteral("steerMenu"), tr("Steer"), QStringLiteral("configure"), { "run.setTarget", "run.setLearningRate", "run.excludePrompt", "run.pinPrompt" });
    m_more->setToolTip(tr("Change what may be changed while the run goes on"));
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(10, 5, 8, 5);
    layout->setSpacing(10);
    layout->addWidget(m_name);
    layout->addWidget(m_state);
    layout->addWidget(m_progress);
    layout->addWidget(m_details, 1);
    for (QToolButton* button : { m_pause, m_checkpoint, m_stop, m_more, m_resume })
        layout->addWidget(button);
    connect(&workbench.run, &RunModel::headerChanged, this, &RunHeaderBar::refresh);
    connect(&workbench.theme, &Theme::changed, this, &RunHeaderBar::refresh);
    refresh();
}

void RunHeaderBar::refresh()
{
    const RunModel& run = m_workbench.run;
    const RunHeader& header = run.header();
    m_name->setText(m_name->fontMetrics().elidedText(qs(header.name), Qt::ElideMiddle, 320));
    m_name->setToolTip(qs(header.path));
    m_state->setText(header.isSnapshot ? tr("▣ SNAPSHOT") : m_state->fontMetrics().elidedText(stateWithReason(header.state), Qt::ElideRight, std::max(420, width() / 2)));
    m_state->setToolTip(qs(launch::describe(header.state)) + (header.exit && !header.exit->reason.empty() ? QLatin1Char('\n') + qs(header.exit->reason) : QString()));
    m_workbench.theme.setTextColor(m_state, stateRole(header.state.kind));
    m_progress->setMaximum(static_cast<int>(std::max<std::int64_t>(header.totalSteps, 1)));
    m_progress->setValue(static_cast<int>(header.step));
    QStringList details { tr("step %1 of %2").arg(header.step).arg(header.totalSteps) };
    const bool isActive = launch::isActive(header.state.kind);
    if (header.secondsPerStep > 0)
        details << tr("%1 per step").arg(duration(header.secondsPerStep));
    if (isActive && header.secondsPerStep > 0 && header.totalSteps > header.step)
        details << tr("%1 left").arg(duration(header.secondsPerStep * static_cast<double>(header.totalSteps - header.step)));
    if (isActive && header.heartbeatAgeSeconds >= 0)
        details << tr("heartbeat %1").arg(ago(header.heartbeatAgeSeconds));
    if (header.asOfMs > 0)
        details << tr("as of %1").arg(QDateTime::fromMSecsSinceEpoch(header.asOfMs).toString(QStringLiteral("HH:mm:ss")));
    m_details->setText(details.join(QStringLiteral("   ")));
    m_details->setToolTip(m_details->text());
    refreshButtons();
}

void RunHeaderBar::refreshButtons()
{
    using launch::CommandKind;
    const RunHeader& header = m_workbench.run.header();
    const bool isActive = launch::isActive(header.state.kind) && !header.isSnapshot;
    const auto isPending = [&](std::initializer_list<CommandKind> kinds) {
        return std::any_of(header.pending.begin(), header.pending.end(), [&](const launch::Command& command) { return std::find(kinds.begin(), kinds.end(), command.kind) != kinds.end(); });
    };
    const bool isPaused = header.state.kind == launch::RunStateKind::Paused;
    ActionRegistry& actions = m_workbench.actions;
    const auto show = [&](const QString& id, const QString& text, bool isRequested, bool isEnabled) {
        QAction* action = actions.action(id);
        action->setText(isRequested ? tr("%1: requested").arg(text) : text);
        action->setEnabled(isEnabled && !isRequested);
        action->setToolTip(tooltipOf(action));
    };
    show(QStringLiteral("run.pause"), isPaused ? tr("Continue") : tr("Pause"), isActive && isPending({ CommandKind::Pause, CommandKind::Continue }), isActive);
    show(QStringLiteral("run.checkpoint"), tr("Checkpoint"), isActive && isPending({ CommandKind::Checkpoint }), isActive);
    const bool isStopping = isActive && isPending({ CommandKind::StopAfterStep, CommandKind::StopNow });
    show(QStringLiteral("run.stopAfterStep"), tr("Stop after this step, with a checkpoint"), isActive && isPending({ CommandKind::StopAfterStep }), isActive);
    show(QStringLiteral("run.stopNow"), tr("Stop now"), isActive && isPending({ CommandKind::StopNow }), isActive);
    m_stop->setText(isStopping ? tr("Stop: requested") : tr("Stop"));
    const bool isSetting = isActive && isPending({ CommandKind::Set, CommandKind::ExcludePrompt, CommandKind::PinPrompt, CommandKind::UnpinPrompt });
    m_more->setText(isSetting ? tr("Steer: requested") : tr("Steer"));
    for (const char* id : { "run.setTarget", "run.setLearningRate", "run.excludePrompt", "run.pinPrompt" })
        actions.action(QString::fromUtf8(id))->setEnabled(isActive);
    const bool mayResume = !isActive && !header.isSnapshot && m_workbench.run.isOpen() && header.state.kind != launch::RunStateKind::Finished;
    const bool startsAgain = header.checkpoints.empty() && !header.hasDamagedCheckpoints;
    actions.action(QStringLiteral("run.resume"))->setStatusTip(startsAgain ? tr("From step 0: there is no checkpoint to go on from") : tr("Go on from the newest complete checkpoint"));
    show(QStringLiteral("run.resume"), startsAgain ? tr("Start again") : tr("Resume"), false, mayResume);
    for (QToolButton* button : { m_pause, m_checkpoint, m_stop, m_more })
        button->setVisible(isActive);
    m_stop->setEnabled(!isPending({ CommandKind::StopNow })); // whoever waits for the step to end may still want to stop now
    m_resume->setVisible(mayResume);
}

} // namespace midpoint::gui
