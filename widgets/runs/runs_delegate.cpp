// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/runs/runs_delegate.h"

#include "widgets/common/run_state_style.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/rows_model.h"

#include <QPainter>

#include <algorithm>
#include <limits>

namespace midpoint::gui {

namespace {

// Each run's curve, all on one scale.
void paintSparks(QPainter* painter, const QRect& place, const std::vector<const RunSummary*>& runs, const std::function<QPen(const RunSummary&)>& penOf)
{
    float low = std::numeric_limits<float>::max();
    float high = std::numeric_limits<float>::lowest();
    for (const RunSummary* run : runs)
        for (const float value : run->spark) {
            low = std::min(low, value);
            high = std::max(high, value);
        }
    const double span = std::max(static_cast<double>(high) - static_cast<double>(low), 1e-9);
    painter->setRenderHint(QPainter::Antialiasing);
    for (const RunSummary* run : runs) {
        if (run->spark.size() < 2)
            continue;
        QPolygonF line;
        for (std::size_t i = 0; i < run->spark.size(); ++i)
            line << QPointF(place.left() + place.width() * static_cast<double>(i) / static_cast<double>(run->spark.size() - 1),
                place.bottom() - place.height() * static_cast<double>(run->spark[i] - low) / span);
        painter->setPen(penOf(*run));
        painter->drawPolyline(line);
    }
}

} // namespace

RunsDelegate::RunsDelegate(const Theme& theme, RunsAt runsAt, IsCompared isCompared, QObject* parent)
    : QStyledItemDelegate(parent)
    , m_theme(theme)
    , m_runsAt(std::move(runsAt))
    , m_isCompared(std::move(isCompared))
{
}

void RunsDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    const std::vector<const RunSummary*> runs = m_runsAt(index.data(RowsModel::SourceRowRole).toULongLong());
    QStyleOptionViewItem styled = option;
    initStyleOption(&styled, index);
    if (index.column() == kStateColumn) {
        const auto roleOf = [](const RunSummary& run) { return run.problem.empty() ? stateRole(run.state.kind) : ColorRole::Alert; };
        if (std::all_of(runs.begin(), runs.end(), [&](const RunSummary* run) { return roleOf(*run) == roleOf(*runs.front()); }))
            styled.palette.setColor(QPalette::Text, m_theme.color(roleOf(*runs.front())));
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
    if (index.column() == kColorColumn) {
        // One circle for each run of a group, as many as fit, the first on top.
        constexpr std::size_t kMostCircles = 3;
        constexpr double kStep = 5.0;
        const std::size_t count = std::min(runs.size(), kMostCircles);
        painter->setRenderHint(QPainter::Antialiasing);
        for (std::size_t i = count; i-- > 0;) {
            const QColor color = m_theme.series(runs[i]->color);
            const double shift = (static_cast<double>(i) - static_cast<double>(count - 1) / 2.0) * kStep;
            painter->setPen(QPen(isSelected ? m_theme.color(ColorRole::Window) : color, 2, Theme::seriesDash(runs[i]->color)));
            painter->setBrush(m_isCompared(runs[i]->name) ? QBrush(color) : count == 1 ? QBrush(Qt::NoBrush) : styled.palette.brush(QPalette::Base));
            painter->drawEllipse(QPointF(option.rect.center()) + QPointF(0.5 + shift, 0.5), 5, 5);
        }
    } else {
        paintSparks(painter, option.rect.adjusted(4, 4, -4, -4), runs, [&](const RunSummary& run) {
            return QPen(isSelected ? styled.palette.color(QPalette::HighlightedText) : m_theme.series(run.color), 1.3);
        });
    }
    painter->restore();
}

} // namespace midpoint::gui
