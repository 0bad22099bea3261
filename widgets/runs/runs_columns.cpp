// SPDX-License-Identifier: GPL-3.0-or-later
// The columns of the runs table: those that are always there, and any setting or metric that the user adds.
#include "widgets/runs/runs_page.h"

#include "widgets/common/command_palette.h"
#include "widgets/common/run_state_style.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/metric_names.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/rows_model.h"
#include "widgets/viewmodels/run_filter.h"

#include <QDateTime>
#include <QDoubleSpinBox>

#include <algorithm>
#include <cmath>
#include <set>

namespace midpoint::gui {

QStringList RunsPage::savedColumns() const
{
    return workbench().project.preference(QStringLiteral("runs.columns")).split(QLatin1Char('\n'), Qt::SkipEmptyParts);
}

std::vector<ColumnSpec> RunsPage::makeColumns() const
{
    const double missing = std::nan("");
    const auto value = [this](std::size_t i, const char* metric) {
        const auto found = row(i).last.find(metric);
        return found == row(i).last.end() ? std::nan("") : found->second;
    };
    const auto shown = [](double v) { return std::isnan(v) ? QStringLiteral("-") : number(v); };
    const auto metricColumn = [=](const QString& title, const QString& help, auto get) {
        return ColumnSpec { title, help, [=](std::size_t i) { return shown(get(i)); }, get, [=](std::size_t i) { return fullPrecision(get(i)); } };
    };
    std::vector<ColumnSpec> columns;
    columns.push_back({ QString(), tr("Colour of the run; filled while it is compared (Space)"), [](std::size_t) { return QString(); }, {}, {} });
    columns.push_back({ tr("name"), {}, [this](std::size_t i) {
                           QString text = (row(i).notes.isStarred ? QStringLiteral("★ ") : QString()) + qs(row(i).name);
                           for (const std::string& tag : row(i).notes.tags)
                               text += QStringLiteral("  #") + qs(tag);
                           return text;
                       },
        {}, [this](std::size_t i) { return qs(row(i).path) + (row(i).notes.note.empty() ? QString() : QLatin1Char('\n') + qs(row(i).notes.note)) + (row(i).problem.empty() ? QString() : QLatin1Char('\n') + qs(row(i).problem)); } });
    columns.push_back({ tr("state"), {}, [this](std::size_t i) { return row(i).problem.empty() ? stateText(row(i).state) : tr("✕ unreadable"); }, {},
        [this](std::size_t i) { return row(i).problem.empty() ? qs(launch::describe(row(i).state)) : qs(row(i).problem); } });
    columns.push_back({ tr("step"), {}, [this](std::size_t i) { return tr("%1 / %2").arg(row(i).step).arg(row(i).totalSteps); },
        [this](std::size_t i) { return static_cast<double>(row(i).step); }, {} });
    columns.push_back({ tr("curve"), tr("Reward over steps"), [](std::size_t) { return QString(); }, {}, {} });
    columns.push_back(metricColumn(tr("reward"), tr("Mean reward of the last step"), [value](std::size_t i) { return value(i, metric_names::kReward); }));
    columns.push_back(metricColumn(tr("reward ~"), tr("Moving average of the reward, with weight %1, at the last step: single steps are noisy").arg(kRewardSmoothing),
        [this, missing](std::size_t i) { return row(i).smoothReward.value_or(missing); }));
    columns.back().tooltip = [this](std::size_t i) {
        return row(i).bestReward ? tr("best single step: %1 @ %2").arg(number(row(i).bestReward->value)).arg(row(i).bestReward->step) : QString();
    };
    columns.push_back({ tr("best accuracy"), tr("Best held-out accuracy and its step"),
        [this](std::size_t i) { return row(i).bestAccuracy ? tr("%1 @ %2").arg(number(row(i).bestAccuracy->value)).arg(row(i).bestAccuracy->step) : QStringLiteral("-"); },
        [this, missing](std::size_t i) { return row(i).bestAccuracy ? row(i).bestAccuracy->value : missing; },
        [this](std::size_t i) { return qs(row(i).accuracyMetric); } });
    columns.push_back(metricColumn(tr("steps to"), tr("Steps until the accuracy at the top was reached"), [this, missing](std::size_t i) {
        const auto point = firstReaching(row(i), m_target->value());
        return point ? point->step : missing;
    }));
    columns.push_back({ tr("rollouts to"), tr("Generated rollouts until the accuracy at the top was reached"),
        [this](std::size_t i) {
            const auto point = firstReaching(row(i), m_target->value());
            return point && !std::isnan(point->rollouts) ? compact(point->rollouts) : QStringLiteral("-");
        },
        [this, missing](std::size_t i) {
            const auto point = firstReaching(row(i), m_target->value());
            return point ? point->rollouts : missing;
        },
        {} });
    columns.push_back({ tr("time to"), tr("Wall time until the accuracy at the top was reached"),
        [this](std::size_t i) {
            const auto point = firstReaching(row(i), m_target->value());
            return point && !std::isnan(point->hours) ? duration(point->hours * 3600) : QStringLiteral("-");
        },
        [this, missing](std::size_t i) {
            const auto point = firstReaching(row(i), m_target->value());
            return point ? point->hours : missing;
        },
        {} });
    columns.push_back(metricColumn(tr("with signal"), tr("Share of groups with signal in the last step"), [value](std::size_t i) { return value(i, "baseline_reward/pct_mixed"); }));
    columns.push_back(metricColumn(tr("Pearson"), tr("Predicted against measured difficulty"), [value](std::size_t i) { return value(i, metric_names::kPearson); }));
    columns.push_back({ tr("started"), {}, [this](std::size_t i) {
                           return row(i).startedMs == 0 ? QStringLiteral("-") : QDateTime::fromMSecsSinceEpoch(row(i).startedMs).toString(QStringLiteral("yyyy-MM-dd HH:mm"));
                       },
        [this](std::size_t i) { return static_cast<double>(row(i).startedMs); }, {} });
    for (const QString& key : m_extraColumns) {
        const std::string name = key.toStdString();
        columns.push_back({ key, key, [this, name](std::size_t i) {
                               const auto text = textOf(row(i), name);
                               return text ? qs(*text) : QStringLiteral("-");
                           },
            [this, name, missing](std::size_t i) { return numberOf(row(i), name).value_or(missing); }, {} });
        const bool isText = std::none_of(m_runs.begin(), m_runs.end(), [&](const auto& run) { return numberOf(*run, name).has_value(); });
        if (isText)
            columns.back().number = {};
    }
    return columns;
}

void RunsPage::chooseColumns()
{
    std::set<std::string> keys;
    for (const auto& run : m_runs) {
        for (const auto& [name, value] : run->settings)
            keys.insert(name);
        for (const auto& [name, value] : run->last)
            keys.insert(name);
    }
    std::vector<PaletteEntry> entries;
    for (const std::string& key : keys) {
        const QString name = qs(key);
        const bool isShown = m_extraColumns.contains(name);
        entries.push_back({ name, isShown ? tr("shown: choose to hide") : QString(), true, [this, name, isShown] {
                               if (isShown)
                                   m_extraColumns.removeAll(name);
                               else
                                   m_extraColumns << name;
                               workbench().project.setPreference(QStringLiteral("runs.columns"), m_extraColumns.join(QLatin1Char('\n')));
                               m_model->setColumns(makeColumns());
                           } });
    }
    if (m_columnPalette == nullptr)
        m_columnPalette = new CommandPalette(this);
    m_columnPalette->open(std::move(entries));
}

} // namespace midpoint::gui
