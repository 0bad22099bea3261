// SPDX-License-Identifier: GPL-3.0-or-later
// The rows of the runs table: one for each run, or, where seeds are grouped, one for each experiment with its runs below it.
#include "widgets/runs/runs_page.h"

#include "widgets/common/table_support.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/run_filter.h"
#include "widgets/viewmodels/rows_model.h"
#include "widgets/viewmodels/seed_groups.h"

#include <QCheckBox>
#include <QHeaderView>
#include <QLineEdit>
#include <QRegularExpression>
#include <QTableView>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

namespace midpoint::gui {

namespace {

// What the names of the seeds of one experiment have in common, without what counts them: "dots" of dots-s1, dots-s2.
QString commonName(const std::vector<const RunSummary*>& members)
{
    static const QRegularExpression counter(QStringLiteral("([-_. /]+(seed|s)?|seed)[-_. ]*$"));
    std::string common = members.front()->name;
    for (const RunSummary* run : members) {
        const auto [end, other] = std::mismatch(common.begin(), common.end(), run->name.begin(), run->name.end());
        common.erase(end, common.end());
    }
    const QString name = QString::fromUtf8(common).remove(counter);
    return name.isEmpty() ? qs(members.front()->name) : name;
}

struct Spread {
    double mean = std::numeric_limits<double>::quiet_NaN();
    double low = 0.0;
    double high = 0.0;
    std::size_t count = 0; // of the members that have the number
};

Spread spreadOf(const std::vector<std::size_t>& members, const std::function<double(std::size_t)>& number)
{
    Spread spread;
    double sum = 0.0;
    for (const std::size_t member : members) {
        const double value = number(member);
        if (std::isnan(value))
            continue;
        spread.low = spread.count == 0 ? value : std::min(spread.low, value);
        spread.high = spread.count == 0 ? value : std::max(spread.high, value);
        sum += value;
        ++spread.count;
    }
    if (spread.count > 0)
        spread.mean = sum / static_cast<double>(spread.count);
    return spread;
}

} // namespace

std::vector<const RunSummary*> RunsPage::runsOf(std::size_t row) const
{
    std::vector<const RunSummary*> runs;
    for (const std::size_t run : m_rows[row].runs)
        runs.push_back(m_runs[run].get());
    return runs;
}

QString RunsPage::nameOfRow(std::size_t row, const std::function<QString(std::size_t)>& nameOfRun) const
{
    const Row& place = m_rows[row];
    if (!place.isGroup())
        return (place.isMember ? QStringLiteral("      ") : QString()) + nameOfRun(place.runs.front());
    return tr("%1 %2  (%3 seeds)").arg(place.isExpanded ? QStringLiteral("▾") : QStringLiteral("▸"), commonName(runsOf(row))).arg(place.runs.size());
}

// A column over runs becomes one over rows: a group shows the mean and the range of its runs, or what they have in common. Without
// a form for means it shows the newest run.
ColumnSpec RunsPage::overRows(ColumnSpec column, const std::function<QString(double)>& mean) const
{
    const auto members = [this](std::size_t row) -> const std::vector<std::size_t>& { return m_rows[row].runs; };
    ColumnSpec result { column.title, column.help, {}, {}, {} };
    result.text = [members, column, mean](std::size_t row) -> QString {
        const auto& runs = members(row);
        const QString first = column.text(runs.front());
        if (!mean || std::all_of(runs.begin(), runs.end(), [&](std::size_t run) { return column.text(run) == first; }))
            return first;
        if (!column.number)
            return tr("different");
        const Spread spread = spreadOf(runs, column.number);
        if (std::isnan(spread.mean))
            return QStringLiteral("-");
        const QString text = spread.low == spread.high ? mean(spread.mean) : QStringLiteral("%1 (%2–%3)").arg(mean(spread.mean), mean(spread.low), mean(spread.high));
        return spread.count == runs.size() ? text : tr("%1, %2 of %3").arg(text).arg(spread.count).arg(runs.size());
    };
    if (column.number)
        result.number = [members, column, isMean = static_cast<bool>(mean)](std::size_t row) {
            return isMean ? spreadOf(members(row), column.number).mean : column.number(members(row).front());
        };
    result.tooltip = [this, members, column](std::size_t row) -> QString {
        const auto& runs = members(row);
        const auto tip = [&](std::size_t run) { return column.tooltip ? column.tooltip(run) : QString(); };
        if (runs.size() == 1)
            return tip(runs.front());
        QStringList lines;
        for (const std::size_t run : runs) {
            const QString text = column.text(run);
            const QString name = qs(summary(run).name);
            lines << (text.isEmpty() ? name : text.contains(name) ? text : QStringLiteral("%1: %2").arg(name, text));
        }
        return lines.join(QLatin1Char('\n'));
    };
    return result;
}

std::vector<RunsPage::Row> RunsPage::makeRows() const
{
    const RunFilter filter = RunFilter::parse(m_filter->text());
    std::vector<Row> rows;
    std::map<std::int64_t, std::size_t> places; // of the experiments that have a row
    for (std::size_t i = 0; i < m_runs.size(); ++i) {
        const RunSummary& run = *m_runs[i];
        if (!filter.isEmpty() && !filter.matches(run))
            continue;
        const auto place = m_groupsSeeds->isChecked() && run.experiment != 0 ? places.find(run.experiment) : places.end();
        if (place != places.end()) {
            rows[place->second].runs.push_back(i);
            continue;
        }
        places.emplace(run.experiment, rows.size());
        rows.push_back({ { i }, run.experiment, false, false });
    }
    // The runs of an expanded group stand below it.
    std::vector<Row> result;
    for (Row& row : rows) {
        row.isExpanded = row.isGroup() && m_expanded.count(row.experiment) > 0;
        result.push_back(row);
        for (std::size_t k = 0; row.isExpanded && k < row.runs.size(); ++k)
            result.push_back({ { row.runs[k] }, row.experiment, true, false });
    }
    return result;
}

// The same rows in the same order are left alone, so that selection and place of the table stay.
void RunsPage::rebuildRows(const RunSummaries& before)
{
    const auto identity = [](const Row& row, const RunSummaries& runs) {
        std::string text = row.isMember ? "member" : row.isExpanded ? "open" : "row";
        for (const std::size_t run : row.runs)
            text += "\n" + runs[run]->name;
        return text;
    };
    std::vector<Row> rows = makeRows();
    const bool isSame = std::equal(rows.begin(), rows.end(), m_rows.begin(), m_rows.end(),
        [&](const Row& a, const Row& b) { return identity(a, m_runs) == identity(b, before); });
    const QModelIndex current = m_table->currentIndex();
    const auto chosen = current.isValid() ? std::optional(m_rows[m_model->sourceRow(current.row())]) : std::nullopt;
    const std::string name = chosen ? before[chosen->runs.front()]->name : std::string();
    m_rows = std::move(rows);
    if (isSame)
        return;
    std::vector<std::size_t> parents(m_rows.size());
    for (std::size_t i = 0; i < m_rows.size(); ++i)
        parents[i] = m_rows[i].isMember ? parents[i - 1] : i;
    m_model->setRows(m_rows.size(), std::move(parents));
    for (std::size_t i = 0; i < m_rows.size() && chosen; ++i)
        if (m_runs[m_rows[i].runs.front()]->name == name && m_rows[i].isMember == chosen->isMember && m_model->rowOfSource(i) >= 0)
            m_table->setCurrentIndex(m_model->index(m_model->rowOfSource(i), current.column()));
}

void RunsPage::setExpanded(std::size_t row, bool isExpanded)
{
    if (isExpanded)
        m_expanded.insert(m_rows[row].experiment);
    else
        m_expanded.erase(m_rows[row].experiment);
    rebuildRows(m_runs);
}

void RunsPage::refreshTexts()
{
    m_model->refreshTexts();
    if (m_groupsSeeds->isChecked())
        widenNumbers(*m_table);
}

// A mean with its range needs more room than a number of one run; it is given back.
void RunsPage::groupsToggled()
{
    rebuildRows(m_runs);
    QHeaderView* header = m_table->horizontalHeader();
    if (m_groupsSeeds->isChecked()) {
        for (int column = 0; column < header->count(); ++column)
            m_ungroupedWidths.push_back(header->sectionSize(column));
        widenNumbers(*m_table);
        return;
    }
    for (int column = 0; column < std::min(header->count(), static_cast<int>(m_ungroupedWidths.size())); ++column)
        header->resizeSection(column, m_ungroupedWidths[static_cast<std::size_t>(column)]);
    m_ungroupedWidths.clear();
}

void RunsPage::toggleSeedGroups() { m_groupsSeeds->toggle(); }

} // namespace midpoint::gui
