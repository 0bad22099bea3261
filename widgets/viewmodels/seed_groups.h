// SPDX-License-Identifier: GPL-3.0-or-later
// Runs that differ in nothing but their seed are one experiment: the mean of their curves, and the deviation between them.
#pragma once

#include "widgets/viewmodels/project_data.h"

#include <functional>
#include <string>
#include <vector>

namespace midpoint::gui {

// What two runs have in common that differ in seed, name and place alone; equal for them and for no others.
std::string settingsWithoutSeed(const std::map<std::string, std::string>& settings);

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
