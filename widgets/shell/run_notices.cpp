// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/shell/run_notices.h"

#include "widgets/common/page.h"
#include "widgets/common/run_state_style.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/run_model.h"

#include <QApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>

namespace midpoint::gui {

RunNotices::RunNotices(Workbench& workbench, QWidget* parent)
    : QFrame(parent)
    , m_workbench(workbench)
    , m_text(new QLabel(this))
{
    setObjectName(QStringLiteral("runNotice"));
    setFrameShape(QFrame::StyledPanel);
    m_text->setObjectName(QStringLiteral("runNoticeText"));
    m_text->setTextFormat(Qt::PlainText);
    m_text->setWordWrap(true);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(10, 4, 6, 4);
    layout->addWidget(m_text, 1);
    const auto addButton = [&](const QString& name, const QString& text, const QString& tip, const QString& icon, auto slot) {
        auto* button = new QToolButton(this);
        button->setObjectName(name);
        button->setText(text);
        button->setToolTip(tip);
        button->setAccessibleName(text);
        button->setAutoRaise(true);
        button->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
        workbench.theme.setIcon(button, icon);
        layout->addWidget(button);
        connect(button, &QToolButton::clicked, this, slot);
    };
    addButton(QStringLiteral("runNoticeShow"), tr("Show"), tr("Open this run"), QStringLiteral("open"), [this] {
        hide();
        Q_EMIT openRequested(m_run);
    });
    addButton(QStringLiteral("runNoticeDismiss"), tr("Dismiss"), tr("Hide this notice"), QStringLiteral("close"), [this] { hide(); });
    hide();
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
    const QString detail = state.detail.empty() ? QString() : QStringLiteral(" (%1)").arg(qs(state.detail));
    m_text->setText(tr("%1  %2%3").arg(stateText(state), qs(run.filename()), detail));
    QPalette palette = m_text->palette();
    palette.setColor(QPalette::WindowText, m_workbench.theme.color(stateRole(state.kind)));
    m_text->setPalette(palette);
    show();
    QApplication::alert(window());
}

} // namespace midpoint::gui
