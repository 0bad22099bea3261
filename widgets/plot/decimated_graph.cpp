// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plot/decimated_graph.h"

#include <cmath>
#include <limits>

namespace midpoint::gui {

namespace {

constexpr double kDensePointsPerPixel = 0.5; // from here on neighbours cannot be told apart

// Is this place along the x axis, in pixels, drawn by the pen's dash pattern? Lengths in pixels, not in pen widths: the pattern
// runs along x, where a zigzag does not use it up.
bool isDrawn(Qt::PenStyle style, double x)
{
    const double period = style == Qt::DotLine ? 5.0 : 12.0;
    const double on = style == Qt::DotLine ? 2.0 : 8.0;
    return x - std::floor(x / period) * period < on;
}

QVector<QLineF> segmentsOf(const QVector<QPointF>& points, Qt::PenStyle style)
{
    QVector<QLineF> segments;
    segments.reserve(points.size());
    for (qsizetype i = 1; i < points.size(); ++i) {
        const QLineF line(points[i - 1], points[i]);
        if (std::isnan(line.y1()) || std::isnan(line.y2()))
            continue; // a gap
        if (style == Qt::SolidLine || isDrawn(style, (line.x1() + line.x2()) / 2.0))
            segments.push_back(line);
    }
    return segments;
}

// One upright line per column of device pixels from the smallest to the largest value, stretched to meet the column before: what
// a zigzag of the same points covers, without drawing every pixel twice.
QVector<QLineF> columnsOf(const QVector<QPointF>& points, Qt::PenStyle style, double devicePixels)
{
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    QVector<QLineF> columns;
    columns.reserve(points.size() / 2 + 1);
    double before = kNone;
    for (qsizetype i = 0; i < points.size();) {
        const double column = std::floor(points[i].x() * devicePixels);
        double top = kNone;
        double bottom = kNone;
        double last = kNone;
        for (; i < points.size() && std::floor(points[i].x() * devicePixels) == column; ++i) {
            last = points[i].y();
            top = std::fmin(top, last); // fmin and fmax pass NaN over
            bottom = std::fmax(bottom, last);
        }
        const double x = column / devicePixels;
        if (!std::isnan(top) && (style == Qt::SolidLine || isDrawn(style, x)))
            columns.push_back(QLineF(x, std::fmin(top, before), x, std::fmax(bottom, before)));
        before = last;
    }
    return columns;
}

} // namespace

DecimatedGraph::DecimatedGraph(QCPAxis* keyAxis, QCPAxis* valueAxis)
    : QCPGraph(keyAxis, valueAxis)
{
    setAdaptiveSampling(false); // what it would do is done already, over the pyramid of the series
}

void DecimatedGraph::drawLinePlot(QCPPainter* painter, const QVector<QPointF>& lines) const
{
    const Qt::PenStyle style = pen().style();
    const double width = lines.isEmpty() ? 0.0 : std::abs(lines.back().x() - lines.front().x());
    const bool isDense = static_cast<double>(lines.size()) > width * kDensePointsPerPixel;
    if (!isDense || style == Qt::NoPen || painter->modes().testFlag(QCPPainter::pmVectorized)) {
        QCPGraph::drawLinePlot(painter, lines);
        return;
    }
    applyDefaultAntialiasingHint(painter);
    QPen thin = pen();
    thin.setStyle(Qt::SolidLine);
    if (thin.widthF() > 1.0) {
        painter->setPen(thin);
        painter->drawLines(segmentsOf(lines, style));
        return;
    }
    thin.setWidth(0); // one pixel of the device without antialiasing: the cheap path of the rasteriser
    painter->setAntialiasing(false);
    painter->setPen(thin);
    painter->drawLines(columnsOf(lines, style, painter->deviceTransform().m11()));
}

} // namespace midpoint::gui
