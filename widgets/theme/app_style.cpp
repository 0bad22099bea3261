// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/theme/app_style.h"

#include <QPainter>
#include <QStyleOption>
#include <QWidget>

namespace midpoint::gui {

namespace {

void drawOutline(const QStyleOption& option, QPainter& painter)
{
    const bool isEnabled = option.state.testFlag(QStyle::State_Enabled);
    QColor color = option.palette.color(isEnabled ? QPalette::Active : QPalette::Disabled, QPalette::PlaceholderText);
    color.setAlphaF(isEnabled ? 0.85F : 0.35F);
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(option.state.testFlag(QStyle::State_HasFocus) ? option.palette.color(QPalette::Highlight) : color, 1));
    painter.drawRoundedRect(QRectF(option.rect).adjusted(0.5, 0.5, -0.5, -0.5), 2, 2);
    painter.restore();
}

} // namespace

AppStyle::AppStyle()
    : QProxyStyle(QStringLiteral("Fusion"))
{
}

void AppStyle::drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter, const QWidget* widget) const
{
    QProxyStyle::drawPrimitive(element, option, painter, widget);
    if (element == PE_IndicatorCheckBox || element == PE_IndicatorItemViewItemCheck)
        drawOutline(*option, *painter);
}

// Room beside the text of cells: a number on the right does not touch the word of the next column.
int AppStyle::pixelMetric(PixelMetric metric, const QStyleOption* option, const QWidget* widget) const
{
    constexpr int kCellMargin = 4;
    constexpr int kHeaderMargin = 6;
    const bool isTable = widget != nullptr && widget->inherits("QTableView");
    if (metric == PM_FocusFrameHMargin && isTable)
        return kCellMargin;
    if (metric == PM_HeaderMargin)
        return kHeaderMargin; // a title on the right does not touch the next one on the left
    return QProxyStyle::pixelMetric(metric, option, widget);
}

} // namespace midpoint::gui
