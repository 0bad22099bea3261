// SPDX-License-Identifier: GPL-3.0-or-later
// What stands on the x axis of a curve: steps, wall time, generated rollouts or generated tokens. The last two are what data
// efficiency is about: runs are compared at equal cost, not at equal steps.
#pragma once

#include "widgets/viewmodels/series.h"

#include <QString>

#include <string>
#include <vector>

namespace midpoint::gui {

enum class XQuantity { Step, Time, Rollouts, Tokens };

QString axisTitle(XQuantity quantity);
QString shortName(XQuantity quantity);

// Maps steps to the other quantities of one run: cumulative, so it never falls. Steps between known ones take the value of the
// last known step before; NaN before the first.
class StepScale {
public:
    void append(double step, double value) { m_points.append(step, value); }
    void clear() { m_points.clear(); }
    bool isEmpty() const { return m_points.isEmpty(); }
    double at(double step) const;
    // The same for steps that rise from call to call, in constant time; `place` is 0 before the first.
    double at(double step, std::size_t& place) const;
    double stepAt(double value) const; // the last step whose value is not above it
    std::size_t size() const { return m_points.size(); }

private:
    Series m_points;
};

} // namespace midpoint::gui
