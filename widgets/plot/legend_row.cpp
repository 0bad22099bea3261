// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plot/legend_row.h"

#include "widgets/theme/theme.h"

#include <QPainter>

#include <algorithm>

namespace midpoint::gui {

namespace {
constexpr int kMaximumRows = 3; // further entries are counted, not drawn
constexpr int kComfortableRows = 2; // a legend with more takes the room of the plot below it
}

LegendRow::LegendRow(const Theme& theme, QWidget* parent)
    : QWidget(parent)
    , m_theme(theme)
{
    setObjectName(QStringLiteral("legend"));
    QSizePolicy policy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
    setFont(theme.smallFont());
}

void LegendRow::setEntries(std::vector<LegendEntry> entries)
{
    if (entries == m_entries)
        return;
    const int before = heightForWidth(width());
    m_entries = std::move(entries);
    if (heightForWidth(width()) != before)
        updateGeometry();
    QStringList names;
    for (const LegendEntry& entry : m_entries)
        names << labelOf(entry, Detail::Remarks);
    setAccessibleName(tr("Legend: %1").arg(names.join(QStringLiteral(", "))));
    setToolTip(names.join(QLatin1Char('\n')));
    update();
}

QString LegendRow::labelOf(const LegendEntry& entry, Detail detail)
{
    if (detail == Detail::Names || entry.value.isEmpty())
        return entry.name;
    const QString label = entry.name + QStringLiteral("  ") + entry.value;
    return detail == Detail::Values || entry.remark.isEmpty() ? label : QStringLiteral("%1 (%2)").arg(label, entry.remark);
}

std::vector<LegendRow::Place> LegendRow::layoutFor(int width) const
{
    const int rowHeight = QFontMetrics(font()).height() + 2;
    for (const Detail detail : { Detail::Remarks, Detail::Values }) {
        std::vector<Place> places = layoutFor(width, detail);
        if (places.size() == m_entries.size() && (places.empty() || places.back().text.top() < kComfortableRows * rowHeight))
            return places;
    }
    return layoutFor(width, Detail::Names);
}

std::vector<LegendRow::Place> LegendRow::layoutFor(int width, Detail detail) const
{
    const QFontMetrics metrics(font());
    const int rowHeight = metrics.height() + 2;
    const int gap = metrics.averageCharWidth() * 2;
    std::vector<Place> places;
    int x = 0;
    int row = 0;
    for (const LegendEntry& entry : m_entries) {
        const int sampleWidth = entry.shape == LegendShape::None ? 0 : (entry.shape == LegendShape::Line ? 18 : 10);
        const int spacing = sampleWidth > 0 ? 5 : 0;
        QString label = labelOf(entry, detail);
        const int needed = sampleWidth + spacing + metrics.boundingRect(label).width() + 4; // fractions of a pixel add up
        if (x > 0 && x + needed > width) {
            x = 0;
            ++row;
        }
        if (row >= kMaximumRows) {
            places.back().label = tr("%1 and more").arg(places.back().label);
            break;
        }
        label = metrics.elidedText(label, Qt::ElideRight, std::max(20, width - x - sampleWidth - spacing));
        const int top = row * rowHeight;
        places.push_back({ QRect(x, top, sampleWidth, rowHeight),
            QRect(x + sampleWidth + spacing, top, metrics.horizontalAdvance(label) + 2, rowHeight), label });
        x += needed + gap;
    }
    return places;
}

int LegendRow::heightForWidth(int width) const
{
    const std::vector<Place> places = layoutFor(std::max(width, 60));
    return places.empty() ? 0 : places.back().text.bottom() + 1;
}

QSize LegendRow::sizeHint() const { return { 160, heightForWidth(width()) }; }
QSize LegendRow::minimumSizeHint() const { return { 60, heightForWidth(width()) }; }

void LegendRow::resizeEvent(QResizeEvent*) { updateGeometry(); }

void LegendRow::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    draw(painter, width());
}

void LegendRow::draw(QPainter& painter, int width) const
{
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setFont(font());
    const std::vector<Place> places = layoutFor(width);
    for (std::size_t i = 0; i < places.size(); ++i) {
        const LegendEntry& entry = m_entries[i];
        const Place& place = places[i];
        const QPointF middle = QRectF(place.sample).center();
        if (entry.shape == LegendShape::Line) {
            painter.setPen(QPen(entry.color, 2, entry.dash));
            painter.drawLine(QPointF(place.sample.left(), middle.y()), QPointF(place.sample.right(), middle.y()));
        } else if (entry.shape != LegendShape::None) {
            painter.setPen(entry.shape == LegendShape::Square ? QPen(m_theme.color(ColorRole::Grid), 1) : QPen(Qt::NoPen)); // some shades are nearly the background's
            painter.setBrush(entry.color);
            if (entry.shape == LegendShape::Disc)
                painter.drawEllipse(middle, 4, 4);
            else if (entry.shape == LegendShape::Diamond)
                painter.drawPolygon(QPolygonF { middle + QPointF(0, -5), middle + QPointF(5, 0), middle + QPointF(0, 5), middle + QPointF(-5, 0) });
            else
                painter.drawRect(QRectF(middle.x() - 4.5, middle.y() - 4.5, 9, 9));
        }
        painter.setPen(m_theme.color(ColorRole::Secondary));
        painter.drawText(place.text, Qt::AlignVCenter | Qt::AlignLeft, place.label);
    }
}

} // namespace midpoint::gui
