// SPDX-License-Identifier: GPL-3.0-or-later
// The ranks of a run, from what they said at their start, their heartbeats and the phases of the last step; and who waits for whom.
#pragma once

#include "backend/launch/heartbeat.h"
#include "backend/store/records.h"

#include <QString>

#include <cstdint>
#include <vector>

namespace midpoint::gui {

struct RankRow {
    store::RankRecord record;
    launch::Heartbeat beat;
    bool hasBeat = false;
    double ageSeconds = -1.0;      // of the heartbeat; -1: none
    double phaseSeconds = -1.0;    // how long it is in its phase; -1: not known
    double waitSeconds = 0.0;      // in the last recorded step
    double workSeconds = 0.0;
    std::int64_t waitsForRank = -1; // inside a collective that this rank has not reached; -1: for nobody
    bool isAwaited = false;
    bool isLate = false;           // no sign of life for too long, while the run is going on
};

struct RankInputs {
    std::vector<store::RankRecord> records;
    std::vector<launch::Heartbeat> beats;
    std::vector<store::PhaseTiming> phases; // of the last steps; the newest one counts
    std::int64_t nowMs = 0;
    bool isActive = false;
};

std::vector<RankRow> rankRows(const RankInputs& inputs); // by rank

// One sentence: the rank that is silent, the one that the others wait for, or the slowest of the last step. Empty for one rank
// that is well.
QString rankVerdict(const std::vector<RankRow>& rows);
// "0, 1 and 5–7"
QString rankList(const std::vector<std::int64_t>& ranks);

} // namespace midpoint::gui
