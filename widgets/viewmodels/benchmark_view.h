// SPDX-License-Identifier: GPL-3.0-or-later
// The result of `midpoint bench time-to-target` as the window shows it: texts of medians with their ranges, and the held-out curve of
// a method over its seeds. No drawing here.
#pragma once

#include "backend/store/time_to_target.h"

#include <QString>

#include <vector>

namespace midpoint::gui {

QString shortTitle(store::Quantity quantity); // "wall time": of columns and choices
QString axisTitle(store::Quantity quantity);  // "wall time of the steps (s)"
QString valueText(store::Quantity quantity, double value); // "7.2 s"; "never" for infinity, "-" for what is not known
QString rangeText(store::Quantity quantity, const store::OverSeeds& values); // "7.2 s [6.1 s, never]"
QString accuracyText(const store::OverSeeds& values);
QString targetTitle(const store::TimeToTarget& result, std::size_t target); // "0.912, the plateau of grpo"
QString savingText(const std::optional<store::Saving>& saving); // "≥ 88 %"; "-" for none

// What a method spent: to a target, or in whole runs where there is no target.
const store::OverSeeds& spentBy(const store::MethodResult& method, std::optional<std::size_t> target, store::Quantity quantity);

// Over the seeds that are complete, evaluation by evaluation: the median of what was spent until then, and of the smoothed accuracy, with the
// lowest and the highest. Ends with the shortest seed.
struct CurveOverSeeds {
    std::vector<double> spent, median, lowest, highest;
};
CurveOverSeeds curveOverSeeds(const store::MethodResult& method, store::Quantity quantity);

// The methods by what they spent, the least first; those that never got there are last, those without runs left out.
std::vector<std::size_t> byCost(const store::TimeToTarget& result, std::optional<std::size_t> target, store::Quantity quantity);

} // namespace midpoint::gui
