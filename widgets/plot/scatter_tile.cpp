// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plot/scatter_tile.h"

#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"

#include "widgets/plot/qcustomplot_keywords.h"

#include <algorithm>
#include <cmath>

namespace midpoint::gui {

namespace {
constexpr int kDensityCells = 60;
constexpr double kClickRadius = 12.0; // pixels
constexpr double kEdge = 0.06;        // room around 0..1 for jittered points
constexpr double kDiscRoom = 0.015;   // so that a disc at the edge is whole
} // namespace

ScatterTile::ScatterTile(const Theme& theme, const QString& name, const QString& title, const AxisTitles& axes, QWidget* parent)
    : PlotTile(theme, name, title, axes, parent)
{
    plot()->setInteractions(QCP::iNone);
    plot()->setSelectionRectMode(QCP::srmCustom);
    plot()->setToolTip(tr("Click a point to find its prompt; draw a rectangle to list the prompts within it"));
    connect(plot()->selectionRect(), &QCPSelectionRect::accepted, this, [this](const QRect& place) { chooseWithin(place.normalized()); });
    m_density = new QCPColorMap(plot()->xAxis, plot()->yAxis);
    m_density->setInterpolate(false);
    m_density->setVisible(false);
    m_identity = plot()->addGraph();
    m_identity->setData({ 0.0, 1.0 }, { 0.0, 1.0 }, true);
    m_ring = plot()->addGraph();
    m_ring->setLineStyle(QCPGraph::lsNone);
    applyTheme();
}

void ScatterTile::setPoints(std::vector<ScatterPoint> points, QStringList setNames)
{
    m_points = std::move(points);
    for (QCPGraph* graph : m_sets)
        plot()->removeGraph(graph);
    m_sets.clear();
    m_setNames = std::move(setNames);
    for (qsizetype i = 0; i < m_setNames.size(); ++i) {
        m_sets.push_back(plot()->addGraph());
        m_sets.back()->setLineStyle(QCPGraph::lsNone);
    }
    stylePens();
    scheduleReplot();
}

void ScatterTile::chooseWithin(const QRectF& place)
{
    constexpr double kLeastSize = 4.0; // pixels: less is a click
    if (place.width() < kLeastSize && place.height() < kLeastSize)
        return;
    std::vector<std::int64_t> ids;
    for (const ScatterPoint& point : m_points)
        if (place.contains(plot()->xAxis->coordToPixel(point.x), plot()->yAxis->coordToPixel(point.y)))
            ids.push_back(point.id);
    Q_EMIT pointsChosen(ids);
}

void ScatterTile::ring(std::optional<std::int64_t> id)
{
    m_ringId = id;
    scheduleReplot();
}

void ScatterTile::applyTheme()
{
    PlotTile::applyTheme();
    if (m_identity != nullptr)
        stylePens();
}

void ScatterTile::stylePens()
{
    m_identity->setPen(QPen(theme().color(ColorRole::Secondary), 1, Qt::DashLine));
    m_ring->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssCircle, QPen(theme().color(ColorRole::Text), 2), Qt::NoBrush, 12));
    const double size = m_points.size() > 3000 ? 3.0 : 5.0;
    constexpr QCPScatterStyle::ScatterShape kShapes[] = { QCPScatterStyle::ssDisc, QCPScatterStyle::ssDiamond }; // as the legend has them
    for (std::size_t i = 0; i < m_sets.size(); ++i) {
        QColor color = theme().series(static_cast<int>(i));
        color.setAlpha(m_points.size() > 1500 ? 130 : 190);
        m_sets[i]->setScatterStyle(QCPScatterStyle(kShapes[i % 2], QPen(color, 1), QBrush(color), size));
        m_sets[i]->setPen(QPen(color, 1));
    }
    QColor band = theme().color(ColorRole::Accent);
    plot()->selectionRect()->setPen(QPen(band, 1, Qt::DashLine));
    band.setAlpha(40);
    plot()->selectionRect()->setBrush(band);
    QCPColorGradient gradient;
    gradient.setColorInterpolation(QCPColorGradient::ciRGB);
    QMap<double, QColor> stops;
    stops[0.0] = theme().color(ColorRole::Plot);
    for (int i = 0; i <= 8; ++i)
        stops[0.02 + 0.98 * i / 8.0] = theme().isDark() ? theme().sequential(i / 8.0) : theme().sequential(1.0 - i / 8.0);
    gradient.setColorStops(stops);
    m_density->setGradient(gradient);
}

void ScatterTile::refreshData()
{
    plot()->xAxis->setRange(-kEdge, 1 + kEdge);
    Range heights { -kEdge, 1 + kEdge };
    for (const ScatterPoint& point : m_points) { // a measurement of few rollouts is jittered further
        heights.include(point.y - kDiscRoom);
        heights.include(point.y + kDiscRoom);
    }
    plot()->yAxis->setRange(heights.lower, heights.upper);
    m_density->setVisible(showsDensity());
    std::vector<QVector<QCPGraphData>> clouds(m_sets.size());
    QVector<QCPGraphData> ringed;
    if (showsDensity()) {
        m_density->data()->setSize(kDensityCells, kDensityCells);
        m_density->data()->setRange(QCPRange(0, 1), QCPRange(0, 1));
        m_density->data()->fill(0);
    }
    for (const ScatterPoint& point : m_points) {
        if (showsDensity()) {
            int column = 0;
            int row = 0;
            m_density->data()->coordToCell(std::clamp(point.x, 0.0, 1.0), std::clamp(point.y, 0.0, 1.0), &column, &row);
            m_density->data()->setCell(column, row, m_density->data()->cell(column, row) + 1);
        } else if (point.set >= 0 && static_cast<std::size_t>(point.set) < clouds.size()) {
            clouds[static_cast<std::size_t>(point.set)].append(QCPGraphData(point.x, point.y));
        }
        if (m_ringId && point.id == *m_ringId)
            ringed.append(QCPGraphData(point.x, point.y));
    }
    for (std::size_t i = 0; i < m_sets.size(); ++i)
        m_sets[i]->data()->set(clouds[i], false);
    m_ring->data()->set(ringed, false);
    if (showsDensity())
        m_density->rescaleDataRange(true);
}

std::vector<LegendEntry> ScatterTile::legendAt(std::optional<double>) const
{
    std::vector<LegendEntry> entries;
    for (qsizetype i = 0; i < m_setNames.size(); ++i) {
        std::size_t count = 0;
        for (const ScatterPoint& point : m_points)
            count += point.set == i ? 1 : 0;
        entries.push_back({ m_setNames[i], tr("n %1").arg(count), theme().series(static_cast<int>(i)), Qt::SolidLine, i % 2 == 0 ? LegendShape::Disc : LegendShape::Diamond });
    }
    entries.push_back({ tr("predicted = measured"), {}, theme().color(ColorRole::Secondary), Qt::DashLine, LegendShape::Line });
    return entries;
}

QStringList ScatterTile::csvHeader() const { return { tr("prompt"), tr("predicted"), tr("measured"), tr("set") }; }

std::vector<std::vector<double>> ScatterTile::csvRows(double, double) const
{
    std::vector<std::vector<double>> rows;
    for (const ScatterPoint& point : m_points)
        rows.push_back({ static_cast<double>(point.id), point.x, point.y, static_cast<double>(point.set) });
    return rows;
}

std::optional<std::size_t> ScatterTile::nearestPoint(QPointF position) const
{
    std::optional<std::size_t> best;
    double bestDistance = kClickRadius * kClickRadius;
    for (std::size_t i = 0; i < m_points.size(); ++i) {
        const double dx = plot()->xAxis->coordToPixel(m_points[i].x) - position.x();
        const double dy = plot()->yAxis->coordToPixel(m_points[i].y) - position.y();
        if (dx * dx + dy * dy < bestDistance) {
            bestDistance = dx * dx + dy * dy;
            best = i;
        }
    }
    return best;
}

void ScatterTile::plotClicked(QMouseEvent* event)
{
    const auto index = nearestPoint(event->position());
    if (index)
        Q_EMIT pointClicked(m_points[*index].id);
}

} // namespace midpoint::gui
