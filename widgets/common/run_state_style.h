// SPDX-License-Identifier: GPL-3.0-or-later
// How a run's state looks everywhere: a shape, a word and a colour, never the colour alone.
#pragma once

#include "backend/launch/run_state.h"
#include "widgets/theme/theme.h"

#include <QString>

namespace midpoint::gui {

// "● RUNNING", "✓ FINISHED", "■ STOPPED", "▲ FAILED", "○ LOST"
QString stateText(const launch::RunState& state);
QString stateWithReason(const launch::RunState& state); // "▲ FAILED (no memory left)"
ColorRole stateRole(launch::RunStateKind kind);

} // namespace midpoint::gui
