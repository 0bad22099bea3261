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
    const std::vector<double>& steps = m_points.xs();
    const auto after = std::upper_bound(steps.begin(), steps.end(), step);
    if (after == steps.begin())
        return std::numeric_limits<double>::quiet_NaN();
    return m_points.y(static_cast<std::size_t>(after - steps.begin()) - 1);
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
