// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/runs/runs_delegate.h"

#include "widgets/common/run_state_style.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/rows_model.h"

#include <QPainter>

#include <algorithm>

namespace midpoint::gui {

namespace {

void paintSpark(QPainter* painter, const QRect& place, const std::vector<float>& values, const QPen& pen)
{
    if (values.size() < 2)
        return;
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double span = std::max(static_cast<double>(*high - *low), 1e-9);
    QPolygonF line;
    for (std::size_t i = 0; i < values.size(); ++i)
        line << QPointF(place.left() + place.width() * static_cast<double>(i) / static_cast<double>(values.size() - 1),
            place.bottom() - place.height() * static_cast<double>(values[i] - *low) / span);
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(pen);
    painter->drawPolyline(line);
}

} // namespace

RunsDelegate::RunsDelegate(const Theme& theme, RowAt rowAt, IsCompared isCompared, QObject* parent)
    : QStyledItemDelegate(parent)
    , m_theme(theme)
    , m_rowAt(std::move(rowAt))
    , m_isCompared(std::move(isCompared))
{
}

void RunsDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    const RunSummary& run = m_rowAt(index.data(RowsModel::SourceRowRole).toULongLong());
    QStyleOptionViewItem styled = option;
    initStyleOption(&styled, index);
    if (index.column() == kStateColumn) {
        styled.palette.setColor(QPalette::Text, m_theme.color(run.problem.empty() ? stateRole(run.state.kind) : ColorRole::Alert));
        QStyledItemDelegate::paint(painter, styled, index);
        return;
    }
    if (index.column() != kColorColumn && index.column() != kSparkColumn) {
        QStyledItemDelegate::paint(painter, styled, index);
        return;
    }
    styled.text.clear();
    const QWidget* widget = option.widget;
    widget->style()->drawControl(QStyle::CE_ItemViewItem, &styled, painter, widget);
    painter->save();
    const bool isSelected = option.state.testFlag(QStyle::State_Selected);
    const QColor color = m_theme.series(run.color);
    if (index.column() == kColorColumn) {
        painter->setRenderHint(QPainter::Antialiasing);
        painter->setPen(QPen(isSelected ? m_theme.color(ColorRole::Window) : color, 2, Theme::seriesDash(run.color)));
        painter->setBrush(m_isCompared(run.name) ? QBrush(color) : QBrush(Qt::NoBrush));
        painter->drawEllipse(QPointF(option.rect.center()) + QPointF(0.5, 0.5), 5, 5);
    } else {
        paintSpark(painter, option.rect.adjusted(4, 4, -4, -4), run.spark, QPen(isSelected ? styled.palette.color(QPalette::HighlightedText) : color, 1.3));
    }
    painter->restore();
}

} // namespace midpoint::gui
