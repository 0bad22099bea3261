// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/x_quantity.h"

#include <QCoreApplication>

#include <algorithm>
#include <limits>

namespace midpoint::gui {

QString axisTitle(XQuantity quantity)
{
    switch (quantity) {
    case XQuantity::Step: return QCoreApplication::translate("axis", "training step");
    case XQuantity::Time: return QCoreApplication::translate("axis", "wall time (min)");
    case XQuantity::Rollouts: return QCoreApplication::translate("axis", "rollouts generated");
    case XQuantity::Tokens: return QCoreApplication::translate("axis", "tokens generated");
    }
    return {};
}

QString shortName(XQuantity quantity)
{
    switch (quantity) {
    case XQuantity::Step: return QCoreApplication::translate("axis", "step");
    case XQuantity::Time: return QCoreApplication::translate("axis", "time");
    case XQuantity::Rollouts: return QCoreApplication::translate("axis", "rollouts");
    case XQuantity::Tokens: return QCoreApplication::translate("axis", "tokens");
    }
    return {};
}

double StepScale::at(double step) const
{
    std::size_t place = 0;
    return at(step, place);
}

double StepScale::at(double step, std::size_t& place) const
{
    const std::vector<double>& steps = m_points.xs();
    if (place == 0 || place > steps.size())
        place = static_cast<std::size_t>(std::upper_bound(steps.begin(), steps.end(), step) - steps.begin());
    while (place < steps.size() && steps[place] <= step)
        ++place;
    return place == 0 ? std::numeric_limits<double>::quiet_NaN() : m_points.y(place - 1);
}

double StepScale::stepAt(double value) const
{
    const std::vector<double>& values = m_points.ys();
    const auto after = std::upper_bound(values.begin(), values.end(), value);
    if (after == values.begin())
        return m_points.isEmpty() ? 0.0 : m_points.x(0);
    return m_points.x(static_cast<std::size_t>(after - values.begin()) - 1);
}

} // namespace midpoint::gui
