// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/common/command_palette.h"

#include "widgets/common/empty_hint.h"

#include <QKeyEvent>
#include <QLineEdit>
#include <QListWidget>
#include <QVBoxLayout>

#include <algorithm>

namespace midpoint::gui {

int fuzzyScore(const QString& pattern, const QString& text)
{
    if (pattern.isEmpty())
        return 0;
    const qsizetype whole = text.indexOf(pattern, 0, Qt::CaseInsensitive);
    if (whole >= 0)
        return 1000 - static_cast<int>(std::min<qsizetype>(whole, 500));
    int score = 0;
    qsizetype position = 0;
    for (const QChar letter : pattern) {
        if (letter.isSpace())
            continue;
        const qsizetype found = text.indexOf(letter, position, Qt::CaseInsensitive);
        if (found < 0)
            return -1;
        const bool isWordStart = found == 0 || !text[found - 1].isLetterOrNumber();
        score += isWordStart ? 10 : (found == position ? 5 : 1);
        position = found + 1;
    }
    return score;
}

CommandPalette::CommandPalette(QWidget* parent)
    : QDialog(parent, Qt::Popup)
    , m_edit(new QLineEdit(this))
    , m_list(new QListWidget(this))
{
    setObjectName(QStringLiteral("commandPalette"));
    m_edit->setObjectName(QStringLiteral("commandPaletteEdit"));
    m_edit->setPlaceholderText(tr("Find an action, a metric or a prompt"));
    m_edit->setAccessibleName(tr("Find an action, a metric or a prompt"));
    m_list->setObjectName(QStringLiteral("commandPaletteList"));
    m_list->setAccessibleName(tr("Found actions"));
    m_list->setUniformItemSizes(true);
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    new EmptyHint(m_list, tr("Nothing fits. Actions, runs, metrics and prompts can be found here."));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 8, 8, 8);
    layout->addWidget(m_edit);
    layout->addWidget(m_list);
    m_edit->installEventFilter(this);
    connect(m_edit, &QLineEdit::textChanged, this, &CommandPalette::filter);
    connect(m_edit, &QLineEdit::returnPressed, this, &CommandPalette::runCurrent);
    connect(m_list, &QListWidget::itemActivated, this, &CommandPalette::runCurrent);
    connect(m_list, &QListWidget::itemClicked, this, &CommandPalette::runCurrent);
}

void CommandPalette::open(std::vector<PaletteEntry> entries)
{
    m_entries = std::move(entries);
    m_edit->clear();
    filter({});
    const QRect place = parentWidget()->window()->geometry();
    resize(std::min(640, place.width() - 80), std::min(420, place.height() - 120));
    move(place.center().x() - width() / 2, place.top() + 60);
    show();
    m_edit->setFocus();
}

void CommandPalette::filter(const QString& pattern)
{
    std::vector<std::pair<int, std::size_t>> ranked;
    for (std::size_t i = 0; i < m_entries.size(); ++i) {
        const int score = fuzzyScore(pattern.trimmed(), m_entries[i].text);
        if (score >= 0)
            ranked.emplace_back(-score, i);
    }
    std::stable_sort(ranked.begin(), ranked.end());
    m_list->clear();
    for (std::size_t k = 0; k < ranked.size() && k < kMaximumShown; ++k) {
        const PaletteEntry& entry = m_entries[ranked[k].second];
        auto* item = new QListWidgetItem(entry.detail.isEmpty() ? entry.text : entry.text + QStringLiteral("   —   ") + entry.detail, m_list);
        item->setData(Qt::UserRole, QVariant::fromValue<qulonglong>(ranked[k].second));
        if (!entry.isEnabled)
            item->setFlags(item->flags() & ~Qt::ItemIsEnabled);
    }
    m_list->setCurrentRow(0);
}

void CommandPalette::runCurrent()
{
    const QListWidgetItem* item = m_list->currentItem();
    if (item == nullptr || !item->flags().testFlag(Qt::ItemIsEnabled))
        return;
    const auto run = m_entries[item->data(Qt::UserRole).toULongLong()].run;
    hide();
    run();
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == m_edit && event->type() == QEvent::KeyPress) {
        const auto* key = static_cast<QKeyEvent*>(event);
        const int step = key->key() == Qt::Key_Down ? 1 : key->key() == Qt::Key_Up ? -1 : 0;
        if (step != 0) {
            m_list->setCurrentRow(std::clamp(m_list->currentRow() + step, 0, std::max(m_list->count() - 1, 0)));
            return true;
        }
    }
    return QDialog::eventFilter(watched, event);
}

} // namespace midpoint::gui
