// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/seed_groups.h"

#include "backend/core/files.h"
#include "backend/core/statistics.h"
#include "backend/core/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace midpoint::gui {

std::int64_t experimentOf(const std::map<std::string, std::string>& settings)
{
    if (settings.empty())
        return 0;
    constexpr std::array kOfTheRun = { "run.seed", "run.name" };
    std::string text;
    for (const auto& [key, value] : settings)
        if (std::find(kOfTheRun.begin(), kOfTheRun.end(), key) == kOfTheRun.end())
            text += concat(key, "=", value, "\n");
    return stableId(text);
}

std::vector<SeedGroup> groupSeeds(const Overlay& overlay, const std::function<const RunSummary*(const std::string&)>& summaryOf)
{
    std::vector<SeedGroup> groups;
    std::map<std::pair<std::int64_t, std::string>, std::size_t> places;
    for (const OverlayCurve& curve : overlay.curves) {
        const RunSummary* summary = summaryOf(curve.run);
        const std::int64_t experiment = summary == nullptr ? 0 : summary->experiment;
        // Settings that are not known are like no others.
        const auto [place, isNew] = places.try_emplace({ experiment, experiment == 0 ? curve.run : std::string() }, groups.size());
        if (isNew)
            groups.emplace_back();
        groups[place->second].members.push_back(&curve);
    }
    return groups;
}

std::vector<GroupPoint> meanCurve(const SeedGroup& group, const std::vector<double> OverlayCurve::*quantity)
{
    struct Column {
        std::vector<double> xs;
        std::vector<double> values;
    };
    std::map<double, Column> columns; // by step
    for (const OverlayCurve* curve : group.members)
        for (std::size_t i = 0; i < curve->steps.size(); ++i) {
            const double x = (curve->*quantity)[i];
            if (!std::isfinite(x) || !std::isfinite(curve->values[i]))
                continue;
            columns[curve->steps[i]].xs.push_back(x);
            columns[curve->steps[i]].values.push_back(curve->values[i]);
        }
    std::vector<GroupPoint> points;
    for (const auto& [step, column] : columns)
        if (const auto deviation = statistics::deviation(column.values))
            points.push_back({ *statistics::mean(column.xs), *statistics::mean(column.values), *deviation });
    std::stable_sort(points.begin(), points.end(), [](const GroupPoint& a, const GroupPoint& b) { return a.x < b.x; });
    return points;
}

} // namespace midpoint::gui
