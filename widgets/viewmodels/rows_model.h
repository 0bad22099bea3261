// SPDX-License-Identifier: GPL-3.0-or-later
// A table over rows that someone else holds: columns are functions of the row number. Filters and sorts by itself, over plain
// numbers and strings, so that tens of thousands of rows stay quick.
#pragma once

#include <QAbstractTableModel>

#include <functional>
#include <vector>

namespace midpoint::gui {

struct ColumnSpec {
    QString title;
    QString help;
    std::function<QString(std::size_t)> text;
    std::function<double(std::size_t)> number; // sorts by it and aligns right; NaN goes last; empty: sorts by text
    std::function<QString(std::size_t)> tooltip; // full text or full precision; may be empty
};

class RowsModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Roles { SourceRowRole = Qt::UserRole + 1, NumberRole };
    using Predicate = std::function<bool(std::size_t)>;

    using QAbstractTableModel::QAbstractTableModel;

    void setColumns(std::vector<ColumnSpec> columns);
    void setRows(std::size_t count);    // the rows were replaced: filter and sort again
    // Rows with others below them: parents[row] is the row above, or the row itself. Families stay together in every order.
    void setRows(std::size_t count, std::vector<std::size_t> parents);
    void appendRows(std::size_t count); // rows were added at the end; only without a sort order
    void setFilter(Predicate predicate);
    void refreshTexts();                // values changed, rows and their order did not

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;
    void sort(int column, Qt::SortOrder order = Qt::AscendingOrder) override;

    std::size_t sourceRow(int row) const { return m_order[static_cast<std::size_t>(row)]; }
    int rowOfSource(std::size_t source) const; // -1: filtered away
    std::size_t sourceRows() const { return m_rows; }

private:
    void rebuild();
    void sortOrder();
    void joinFamilies();

    std::vector<ColumnSpec> m_columns;
    std::size_t m_rows = 0;
    std::vector<std::size_t> m_parents; // empty: no row belongs to another
    std::vector<std::size_t> m_order;
    Predicate m_filter;
    int m_sortColumn = -1;
    Qt::SortOrder m_sortOrder = Qt::AscendingOrder;
};

} // namespace midpoint::gui
