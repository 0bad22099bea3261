// SPDX-License-Identifier: GPL-3.0-or-later
// Runs that differ in nothing but their seed are one experiment: the mean of their curves, and the deviation between them.
#pragma once

#include "widgets/viewmodels/project_data.h"

#include <functional>
#include <string>
#include <vector>

namespace midpoint::gui {

// A number for all settings but seed and name: equal for runs that differ in these alone, and for no others. 0: settings not known.
std::int64_t experimentOf(const std::map<std::string, std::string>& settings);

struct SeedGroup {
    std::vector<const OverlayCurve*> members; // one: a run that has no other seed
};
// In the order of their first members.
std::vector<SeedGroup> groupSeeds(const Overlay& overlay, const std::function<const RunSummary*(const std::string& run)>& summaryOf);

// At each step that at least two members have recorded: the mean of x and of the values there, and how far the values deviate
// from their mean (unbiased, n - 1).
struct GroupPoint {
    double x = 0.0;
    double mean = 0.0;
    double deviation = 0.0;
};
std::vector<GroupPoint> meanCurve(const SeedGroup& group, const std::vector<double> OverlayCurve::*quantity);

} // namespace midpoint::gui
