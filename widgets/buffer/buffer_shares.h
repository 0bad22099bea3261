// SPDX-License-Identifier: GPL-3.0-or-later
// How the entries of the replay buffer divide by age, difficulty or reward, step by step, from the histograms that a run records.
#pragma once

#include "backend/store/records.h"
#include "widgets/plot/curve_tile.h"

#include <string>
#include <vector>

namespace midpoint::gui {

// The histogram of this name; null where the step has recorded none.
const store::Histogram* histogramOf(const store::BufferComposition& composition, const std::string& name);

// Ages by single steps are put together as 0, 1-4, 5-9, 10-19 and 20 or more; other histograms stay.
store::Histogram inAgeBuckets(const store::Histogram& histogram);

// The counts in other bins, which cover the old ones: those of a bin are spread evenly over it.
store::Histogram inBins(const store::Histogram& histogram, const std::vector<double>& edges);

// For each bin of "age", "difficulty" or "reward" the share of the entries over steps, to be stacked. Rewards, whose bins reach from
// the lowest to the highest of each step, are put into five bins over all steps.
std::vector<CurveSpec> sharesOverSteps(const std::vector<store::BufferComposition>& compositions, const std::string& histogram);

} // namespace midpoint::gui
