// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/common/run_state_style.h"

namespace midpoint::gui {

QString stateText(const launch::RunState& state)
{
    using launch::RunStateKind;
    QString sign;
    switch (state.kind) {
    case RunStateKind::Running:
    case RunStateKind::Starting: sign = QStringLiteral("●"); break;
    case RunStateKind::Pausing:
    case RunStateKind::Paused: sign = QStringLiteral("❙❙"); break;
    case RunStateKind::Finished: sign = QStringLiteral("✓"); break;
    case RunStateKind::Stopped: sign = QStringLiteral("■"); break;
    case RunStateKind::Failed: sign = QStringLiteral("▲"); break;
    case RunStateKind::Lost: sign = QStringLiteral("○"); break;
    case RunStateKind::NoHeartbeat: sign = QStringLiteral("!"); break;
    case RunStateKind::Queued: sign = QStringLiteral("…"); break;
    }
    return sign + QLatin1Char(' ') + QString::fromUtf8(launch::wordFor(state.kind));
}

QString stateWithReason(const launch::RunState& state)
{
    return state.detail.empty() ? stateText(state) : QStringLiteral("%1 (%2)").arg(stateText(state), QString::fromStdString(state.detail));
}

ColorRole stateRole(launch::RunStateKind kind)
{
    using launch::RunStateKind;
    switch (kind) {
    case RunStateKind::Running:
    case RunStateKind::Starting: return ColorRole::Accent;
    case RunStateKind::Finished: return ColorRole::Good;
    case RunStateKind::Failed:
    case RunStateKind::Lost: return ColorRole::Alert;
    case RunStateKind::NoHeartbeat: return ColorRole::Warning;
    default: return ColorRole::Secondary;
    }
}

} // namespace midpoint::gui
