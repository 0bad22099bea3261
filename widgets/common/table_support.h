// SPDX-License-Identifier: GPL-3.0-or-later
// How tables look and behave everywhere: one line a row, right-aligned numbers, copied as tab-separated text.
#pragma once

#include <QTableView>

namespace midpoint::gui {

class Theme;

void styleTable(QTableView* table, const QString& name, const QString& accessibleName);
QString selectionAsText(const QTableView& table); // tab-separated, with a header line; all rows if none is selected
void copySelection(const QTableView& table);

// Widens columns of numbers that would be cut: unlike a text, a cut number says something wrong.
void widenNumbers(QTableView& table);

} // namespace midpoint::gui
