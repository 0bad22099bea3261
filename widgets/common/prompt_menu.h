// SPDX-License-Identifier: GPL-3.0-or-later
// The context menu of tables whose rows belong to prompts of the pool.
#pragma once

#include "widgets/common/page.h"

#include <functional>
#include <optional>

class QAbstractItemView;
class QMenu;
class QModelIndex;

namespace midpoint::gui {

// Right click and the menu key open it; what is chosen leaves by Page::promptRequested. nullopt: the row has no prompt of the pool.
// `more` may add what this table alone offers.
void addPromptMenu(QAbstractItemView* table, Page& page, std::function<std::optional<std::int64_t>(const QModelIndex&)> promptAt,
    std::function<void(QMenu& menu, const QModelIndex& row)> more = {});

} // namespace midpoint::gui
