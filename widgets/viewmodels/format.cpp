// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/format.h"

#include "backend/core/text.h"

#include <QCoreApplication>

#include <cmath>

namespace midpoint::gui {

QString number(double value)
{
    if (std::isnan(value))
        return QStringLiteral("NaN");
    if (std::isinf(value))
        return value > 0 ? QStringLiteral("inf") : QStringLiteral("-inf");
    const double size = std::abs(value);
    if (value == std::floor(value) && size < 1e6)
        return QString::number(value, 'f', 0);
    if (size >= 1e6)
        return compact(value);
    if (size >= 1000)
        return QString::number(value, 'f', 0);
    if (size >= 100)
        return QString::number(value, 'f', 1);
    if (size >= 10)
        return QString::number(value, 'f', 2);
    if (size >= 1e-3)
        return QString::number(value, 'f', size >= 1 ? 3 : (size >= 0.01 ? 3 : 5));
    return QString::number(value, 'e', 1);
}

QString number(std::optional<double> value) { return value ? number(*value) : QStringLiteral("-"); }

QString compact(double value) { return qs(formatCount(value)); }

QString percent(double share, int digits)
{
    if (!std::isfinite(share))
        return QStringLiteral("-");
    return QStringLiteral("%1 %").arg(share * 100.0, 0, 'f', digits);
}

QString rate(std::optional<double> share) { return share && std::isfinite(*share) ? QString::number(*share, 'f', 3) : QStringLiteral("-"); }
QString fullPrecision(double value) { return qs(shortest(value)); }
QString duration(double seconds) { return qs(formatDuration(seconds)); }
QString bytes(double count) { return count < 0 ? QStringLiteral("-") : qs(formatBytes(static_cast<std::uint64_t>(count))); }

QString ago(double seconds)
{
    if (seconds < 1.0)
        return QCoreApplication::translate("format", "just now");
    const double rounded = seconds < 10.0 ? std::floor(seconds) : seconds;
    if (seconds < 60.0)
        return QCoreApplication::translate("format", "%1 s ago").arg(rounded, 0, 'f', 0);
    return QCoreApplication::translate("format", "%1 ago").arg(duration(seconds));
}

QString withUnit(double value, const std::string& unit)
{
    if (unit == "%")
        return percent(value, value != 0.0 && std::abs(value) < 0.01 ? 2 : 1);
    if (unit.empty() || unit == "1" || std::isnan(value))
        return number(value);
    return number(value) + QStringLiteral(" ") + qs(unit);
}

} // namespace midpoint::gui
