// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/metric_titles.h"

#include "backend/store/metric_catalogue.h"
#include "widgets/viewmodels/format.h"

#include <QCoreApplication>

namespace midpoint::gui {

namespace {
QString words(std::string_view text) { return QCoreApplication::translate("Metrics", std::string(text).c_str()); }
} // namespace

QString metricTitle(const std::string& name)
{
    const store::MetricInfo* info = store::findMetric(name);
    return info == nullptr ? qs(name) : QStringLiteral("%1  ·  %2").arg(words(info->title), qs(name));
}

QString metricAxis(const std::string& name)
{
    const store::MetricInfo* info = store::findMetric(name);
    if (info == nullptr)
        return qs(name);
    return info->unit.empty() ? words(info->title) : QStringLiteral("%1 (%2)").arg(words(info->title), words(info->unit));
}

QString metricHelp(const std::string& name)
{
    const store::MetricInfo* info = store::findMetric(name);
    if (info == nullptr)
        return {};
    QString help = words(info->help);
    if (!info->aliases.empty())
        help += QLatin1Char('\n') + QCoreApplication::translate("MetricTitles", "Called elsewhere: %1.").arg(words(info->aliases).replace(QLatin1Char(' '), QStringLiteral(", ")));
    return help;
}

} // namespace midpoint::gui
