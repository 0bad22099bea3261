// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/shell/run_notices.h"

#include "widgets/common/page.h"
#include "widgets/common/run_state_style.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/run_model.h"

#include <QApplication>
#include <QToolButton>

namespace midpoint::gui {

RunNotices::RunNotices(Workbench& workbench, QWidget* parent)
    : MessageStrip(workbench.theme, QStringLiteral("runNotice"), parent)
    , m_workbench(workbench)
{
    auto* show = new QToolButton(this);
    show->setObjectName(QStringLiteral("runNoticeShow"));
    show->setText(tr("Show"));
    show->setToolTip(tr("Open this run"));
    show->setAutoRaise(true);
    show->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    workbench.theme.setIcon(show, QStringLiteral("open"));
    addButton(show);
    addDismiss(QStringLiteral("runNoticeDismiss"), tr("Hide this notice"));
    connect(show, &QToolButton::clicked, this, [this] {
        hide();
        Q_EMIT openRequested(m_run);
    });
    connect(&workbench.run, &RunModel::headerChanged, this, [this] { observe(m_workbench.run.header().path, m_workbench.run.header().state); });
    connect(&workbench.project, &ProjectModel::runsChanged, this, [this] {
        for (const auto& run : m_workbench.project.runs())
            observe(run->path, run->state);
    });
}

void RunNotices::observe(const std::filesystem::path& run, const launch::RunState& state)
{
    if (run.empty())
        return;
    const bool isActive = launch::isActive(state.kind);
    const auto known = m_wasActive.find(run);
    const bool hasEnded = known != m_wasActive.end() && known->second && !isActive && state.kind != launch::RunStateKind::Queued;
    m_wasActive[run] = isActive;
    if (hasEnded)
        tell(run, state);
}

void RunNotices::tell(const std::filesystem::path& run, const launch::RunState& state)
{
    m_run = run;
    say(QStringLiteral("%1: %2").arg(qs(run.filename()), stateWithReason(state)), stateRole(state.kind));
    QApplication::alert(window());
}

} // namespace midpoint::gui
