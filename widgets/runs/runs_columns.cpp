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
        const auto found = summary(i).last.find(metric);
        return found == summary(i).last.end() ? std::nan("") : found->second;
    };
    const auto shown = [](double v) { return std::isnan(v) ? QStringLiteral("-") : number(v); };
    const auto metricColumn = [=](const QString& title, const QString& help, auto get) {
        return ColumnSpec { title, help, [=](std::size_t i) { return shown(get(i)); }, get, [=](std::size_t i) { return fullPrecision(get(i)); } };
    };
    std::vector<ColumnSpec> columns;
    const auto add = [this, &columns](ColumnSpec column, std::function<QString(double)> mean = [](double v) { return number(v); }) {
        columns.push_back(overRows(std::move(column), mean));
    };
    add({ QString(), tr("Colour of the run; filled while it is compared (Space)"), [](std::size_t) { return QString(); }, {}, {} });
    const auto nameOfRun = [this](std::size_t i) {
        QString text = (summary(i).notes.isStarred ? QStringLiteral("★ ") : QString()) + qs(summary(i).name);
        for (const std::string& tag : summary(i).notes.tags)
            text += QStringLiteral("  #") + qs(tag);
        return text;
    };
    add({ tr("name"), {}, nameOfRun, {},
        [this](std::size_t i) { return qs(summary(i).path) + (summary(i).notes.note.empty() ? QString() : QLatin1Char('\n') + qs(summary(i).notes.note)) + (summary(i).problem.empty() ? QString() : QLatin1Char('\n') + qs(summary(i).problem)); } });
    columns.back().text = [this, nameOfRun](std::size_t row) { return nameOfRow(row, nameOfRun); };
    add({ tr("state"), {}, [this](std::size_t i) { return summary(i).problem.empty() ? stateText(summary(i).state) : tr("✕ unreadable"); }, {},
        [this](std::size_t i) { return summary(i).problem.empty() ? qs(launch::describe(summary(i).state)) : qs(summary(i).problem); } });
    add({ tr("step"), {}, [this](std::size_t i) { return tr("%1 / %2").arg(summary(i).step).arg(summary(i).totalSteps); },
        [this](std::size_t i) { return static_cast<double>(summary(i).step); }, {} });
    add({ tr("curve"), tr("Reward over steps"), [](std::size_t) { return QString(); }, {}, {} });
    add(metricColumn(tr("reward"), tr("Mean reward of the last step"), [value](std::size_t i) { return value(i, metric_names::kReward); }));
    ColumnSpec smooth = metricColumn(tr("reward ~"), tr("Moving average of the reward, with weight %1, at the last step: single steps are noisy").arg(kRewardSmoothing),
        [this, missing](std::size_t i) { return summary(i).smoothReward.value_or(missing); });
    smooth.tooltip = [this](std::size_t i) {
        return summary(i).bestReward ? tr("best single step: %1 @ %2").arg(number(summary(i).bestReward->value)).arg(summary(i).bestReward->step) : QString();
    };
    add(std::move(smooth));
    add({ tr("best accuracy"), tr("Best held-out accuracy and its step"),
        [this](std::size_t i) { return summary(i).bestAccuracy ? tr("%1 @ %2").arg(number(summary(i).bestAccuracy->value)).arg(summary(i).bestAccuracy->step) : QStringLiteral("-"); },
        [this, missing](std::size_t i) { return summary(i).bestAccuracy ? summary(i).bestAccuracy->value : missing; },
        [this](std::size_t i) { return qs(summary(i).accuracyMetric); } });
    add(metricColumn(tr("steps to"), tr("Steps until the accuracy at the top was reached"), [this, missing](std::size_t i) {
        const auto point = firstReaching(summary(i), m_target->value());
        return point ? point->step : missing;
    }));
    add({ tr("rollouts to"), tr("Generated rollouts until the accuracy at the top was reached"),
        [this](std::size_t i) {
            const auto point = firstReaching(summary(i), m_target->value());
            return point && !std::isnan(point->rollouts) ? compact(point->rollouts) : QStringLiteral("-");
        },
        [this, missing](std::size_t i) {
            const auto point = firstReaching(summary(i), m_target->value());
            return point ? point->rollouts : missing;
        },
        {} },
        [](double rollouts) { return compact(rollouts); });
    add({ tr("time to"), tr("Wall time until the accuracy at the top was reached"),
        [this](std::size_t i) {
            const auto point = firstReaching(summary(i), m_target->value());
            return point && !std::isnan(point->hours) ? duration(point->hours * 3600) : QStringLiteral("-");
        },
        [this, missing](std::size_t i) {
            const auto point = firstReaching(summary(i), m_target->value());
            return point ? point->hours : missing;
        },
        {} },
        [](double hours) { return duration(hours * 3600); });
    add(metricColumn(tr("with signal"), tr("Share of groups with signal in the last step"), [value](std::size_t i) { return value(i, "baseline_reward/pct_mixed"); }));
    add(metricColumn(tr("Pearson"), tr("Predicted against measured difficulty"), [value](std::size_t i) { return value(i, metric_names::kPearson); }));
    add({ tr("started"), {}, [this](std::size_t i) {
                           return summary(i).startedMs == 0 ? QStringLiteral("-") : QDateTime::fromMSecsSinceEpoch(summary(i).startedMs).toString(QStringLiteral("yyyy-MM-dd HH:mm"));
                       },
        [this](std::size_t i) { return static_cast<double>(summary(i).startedMs); }, {} },
        {});
    for (const QString& key : m_extraColumns) {
        const std::string name = key.toStdString();
        ColumnSpec column { key, key, [this, name](std::size_t i) {
                               const auto text = textOf(summary(i), name);
                               return text ? qs(*text) : QStringLiteral("-");
                           },
            [this, name, missing](std::size_t i) { return numberOf(summary(i), name).value_or(missing); }, {} };
        const bool isText = std::none_of(m_runs.begin(), m_runs.end(), [&](const auto& run) { return numberOf(*run, name).has_value(); });
        if (isText)
            column.number = {};
        add(std::move(column));
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
