// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/common/table_support.h"

#include <QApplication>
#include <QClipboard>
#include <QHeaderView>
#include <QShortcut>

#include <algorithm>
#include <set>

namespace midpoint::gui {

void styleTable(QTableView* table, const QString& name, const QString& accessibleName)
{
    table->setObjectName(name);
    table->setAccessibleName(accessibleName);
    table->setAlternatingRowColors(true);
    table->setShowGrid(false);
    table->setWordWrap(false);
    table->setSelectionBehavior(QAbstractItemView::SelectRows);
    table->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
    table->setTabKeyNavigation(false);
    table->setTextElideMode(Qt::ElideRight);
    table->verticalHeader()->hide();
    table->verticalHeader()->setMinimumSectionSize(1); // rows need no margin of a header
    table->verticalHeader()->setDefaultSectionSize(table->fontMetrics().height() + 8);
    table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    table->horizontalHeader()->setHighlightSections(false);
    table->horizontalHeader()->setStretchLastSection(true);
    table->horizontalHeader()->setSectionsMovable(true);
    table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    auto* copy = new QShortcut(QKeySequence::Copy, table, nullptr, nullptr, Qt::WidgetWithChildrenShortcut);
    QObject::connect(copy, &QShortcut::activated, table, [table] { copySelection(*table); });
}

void widenNumbers(QTableView& table)
{
    const QAbstractItemModel* model = table.model();
    QHeaderView* header = table.horizontalHeader();
    for (int column = 0; model != nullptr && column < model->columnCount(); ++column) {
        const auto alignment = model->headerData(column, Qt::Horizontal, Qt::TextAlignmentRole).value<Qt::Alignment>();
        if (table.isColumnHidden(column) || !alignment.testFlag(Qt::AlignRight))
            continue;
        const int content = static_cast<const QAbstractItemView&>(table).sizeHintForColumn(column); // public there
        const int needed = std::max(content, header->sectionSizeHint(column));
        if (header->sectionSize(column) < needed)
            header->resizeSection(column, needed);
    }
}

QString selectionAsText(const QTableView& table)
{
    const QAbstractItemModel* model = table.model();
    std::set<int> rows;
    for (const QModelIndex& index : table.selectionModel()->selectedRows())
        rows.insert(index.row());
    if (rows.empty())
        for (int row = 0; row < model->rowCount(); ++row)
            rows.insert(row);
    std::vector<int> columns;
    for (int i = 0; i < model->columnCount(); ++i)
        if (const int logical = table.horizontalHeader()->logicalIndex(i); !table.isColumnHidden(logical))
            columns.push_back(logical);
    QStringList lines;
    QStringList cells;
    for (const int column : columns)
        cells << model->headerData(column, Qt::Horizontal).toString();
    lines << cells.join(QLatin1Char('\t'));
    for (const int row : rows) {
        cells.clear();
        for (const int column : columns)
            cells << model->index(row, column).data().toString().replace(QLatin1Char('\t'), QLatin1Char(' '));
        lines << cells.join(QLatin1Char('\t'));
    }
    return lines.join(QLatin1Char('\n'));
}

void copySelection(const QTableView& table) { QApplication::clipboard()->setText(selectionAsText(table)); }

} // namespace midpoint::gui
