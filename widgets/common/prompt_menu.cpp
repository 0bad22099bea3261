// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/common/prompt_menu.h"

#include <QAbstractItemView>
#include <QMenu>

namespace midpoint::gui {

void addPromptMenu(QAbstractItemView* table, Page& page, std::function<std::optional<std::int64_t>(const QModelIndex&)> promptAt,
    std::function<void(QMenu& menu, const QModelIndex& row)> more)
{
    table->setContextMenuPolicy(Qt::CustomContextMenu);
    QObject::connect(table, &QWidget::customContextMenuRequested, &page, [table, &page, promptAt = std::move(promptAt), more = std::move(more)](const QPoint& position) {
        const QModelIndex row = table->indexAt(position);
        const auto prompt = row.isValid() ? promptAt(row) : std::nullopt;
        if (!prompt)
            return;
        auto* menu = new QMenu(table);
        menu->setObjectName(QStringLiteral("promptMenu"));
        menu->setAttribute(Qt::WA_DeleteOnClose);
        const auto add = [&](const QString& text, PromptAction what) {
            return menu->addAction(text, &page, [&page, what, index = *prompt] { Q_EMIT page.promptRequested(what, index); });
        };
        add(Page::tr("All stored rollouts of prompt %1").arg(*prompt), PromptAction::Rollouts);
        add(Page::tr("Difficulty of prompt %1 over the steps").arg(*prompt), PromptAction::History);
        menu->addSeparator();
        for (QAction* command : { add(Page::tr("Exclude it from training"), PromptAction::Exclude), add(Page::tr("Pin it: train on it in every step"), PromptAction::Pin),
                 add(Page::tr("Take its pin away"), PromptAction::Unpin) })
            command->setEnabled(page.mayCommand());
        if (more)
            more(*menu, row);
        menu->popup(table->viewport()->mapToGlobal(position));
    });
}

} // namespace midpoint::gui
