// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/rows_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace midpoint::gui {

void RowsModel::setColumns(std::vector<ColumnSpec> columns)
{
    beginResetModel();
    m_columns = std::move(columns);
    if (m_sortColumn >= static_cast<int>(m_columns.size()))
        m_sortColumn = -1;
    endResetModel();
}

void RowsModel::setRows(std::size_t count) { setRows(count, {}); }

void RowsModel::setRows(std::size_t count, std::vector<std::size_t> parents)
{
    beginResetModel();
    m_rows = count;
    m_parents = std::move(parents);
    rebuild();
    endResetModel();
}

void RowsModel::appendRows(std::size_t count)
{
    if (m_sortColumn >= 0) {
        setRows(m_rows + count);
        return;
    }
    std::vector<std::size_t> added;
    for (std::size_t row = m_rows; row < m_rows + count; ++row)
        if (!m_filter || m_filter(row))
            added.push_back(row);
    m_rows += count;
    if (added.empty())
        return;
    beginInsertRows({}, static_cast<int>(m_order.size()), static_cast<int>(m_order.size() + added.size()) - 1);
    m_order.insert(m_order.end(), added.begin(), added.end());
    endInsertRows();
}

void RowsModel::setFilter(Predicate predicate)
{
    beginResetModel();
    m_filter = std::move(predicate);
    rebuild();
    endResetModel();
}

void RowsModel::refreshTexts()
{
    if (!m_order.empty() && !m_columns.empty())
        Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
}

void RowsModel::rebuild()
{
    m_order.clear();
    for (std::size_t row = 0; row < m_rows; ++row)
        if (!m_filter || m_filter(row))
            m_order.push_back(row);
    sortOrder();
    if (!m_parents.empty())
        joinFamilies();
}

// Each row that is its own parent, followed by those below it, both in the order that they have now.
void RowsModel::joinFamilies()
{
    std::vector<std::vector<std::size_t>> families(m_rows);
    for (const std::size_t row : m_order)
        if (m_parents[row] != row)
            families[m_parents[row]].push_back(row);
    std::vector<std::size_t> joined;
    for (const std::size_t row : m_order) {
        if (m_parents[row] != row)
            continue;
        joined.push_back(row);
        joined.insert(joined.end(), families[row].begin(), families[row].end());
    }
    m_order = std::move(joined);
}

void RowsModel::sortOrder()
{
    if (m_sortColumn < 0 || m_sortColumn >= static_cast<int>(m_columns.size()))
        return;
    const ColumnSpec& column = m_columns[static_cast<std::size_t>(m_sortColumn)];
    const bool isDescending = m_sortOrder == Qt::DescendingOrder;
    if (column.number) {
        std::vector<double> keys(m_rows, std::numeric_limits<double>::quiet_NaN());
        for (const std::size_t row : m_order)
            keys[row] = column.number(row);
        std::stable_sort(m_order.begin(), m_order.end(), [&](std::size_t a, std::size_t b) {
            if (std::isnan(keys[a]) || std::isnan(keys[b]))
                return !std::isnan(keys[a]) && std::isnan(keys[b]);
            return isDescending ? keys[a] > keys[b] : keys[a] < keys[b];
        });
        return;
    }
    std::vector<QString> keys(m_rows);
    for (const std::size_t row : m_order)
        keys[row] = column.text(row);
    std::stable_sort(m_order.begin(), m_order.end(), [&](std::size_t a, std::size_t b) {
        const int order = QString::compare(keys[a], keys[b], Qt::CaseInsensitive);
        return isDescending ? order > 0 : order < 0;
    });
}

void RowsModel::sort(int column, Qt::SortOrder order)
{
    Q_EMIT layoutAboutToBeChanged({}, QAbstractItemModel::VerticalSortHint);
    const QModelIndexList before = persistentIndexList();
    std::vector<std::size_t> sources;
    for (const QModelIndex& index : before)
        sources.push_back(sourceRow(index.row()));
    m_sortColumn = column;
    m_sortOrder = order;
    rebuild();
    QModelIndexList after;
    for (qsizetype i = 0; i < before.size(); ++i)
        after << index(rowOfSource(sources[static_cast<std::size_t>(i)]), before[i].column());
    changePersistentIndexList(before, after);
    Q_EMIT layoutChanged({}, QAbstractItemModel::VerticalSortHint);
}

int RowsModel::rowOfSource(std::size_t source) const
{
    const auto found = std::find(m_order.begin(), m_order.end(), source);
    return found == m_order.end() ? -1 : static_cast<int>(found - m_order.begin());
}

int RowsModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(m_order.size()); }
int RowsModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(m_columns.size()); }

QVariant RowsModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid() || index.row() >= rowCount() || index.column() >= columnCount())
        return {};
    const ColumnSpec& column = m_columns[static_cast<std::size_t>(index.column())];
    const std::size_t row = m_order[static_cast<std::size_t>(index.row())];
    switch (role) {
    case Qt::DisplayRole: return column.text(row);
    case Qt::ToolTipRole: return column.tooltip ? column.tooltip(row) : QVariant();
    case Qt::TextAlignmentRole: return QVariant::fromValue(Qt::Alignment(Qt::AlignVCenter | (column.number ? Qt::AlignRight : Qt::AlignLeft)));
    case SourceRowRole: return QVariant::fromValue<qulonglong>(row);
    case NumberRole: return column.number ? QVariant(column.number(row)) : QVariant();
    default: return {};
    }
}

QVariant RowsModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= columnCount())
        return {};
    const ColumnSpec& column = m_columns[static_cast<std::size_t>(section)];
    if (role == Qt::DisplayRole)
        return column.title;
    if (role == Qt::ToolTipRole)
        return column.help.isEmpty() ? column.title : column.help;
    if (role == Qt::TextAlignmentRole)
        return QVariant::fromValue(Qt::Alignment(Qt::AlignVCenter | (column.number ? Qt::AlignRight : Qt::AlignLeft)));
    return {};
}

} // namespace midpoint::gui
