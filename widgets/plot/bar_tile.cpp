// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plot/bar_tile.h"

#include "widgets/plot/axis_style.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"

#include "widgets/plot/qcustomplot_keywords.h"

#include <cmath>

namespace midpoint::gui {

BarTile::BarTile(const Theme& theme, const QString& name, const QString& title, const AxisTitles& axes, QWidget* parent)
    : PlotTile(theme, name, title, axes, parent)
{
    plot()->setInteractions(QCP::iNone);
    m_band = new QCPItemRect(plot());
    m_band->setLayer(QStringLiteral("grid"));
    m_band->topLeft->setTypeY(QCPItemPosition::ptAxisRectRatio);
    m_band->bottomRight->setTypeY(QCPItemPosition::ptAxisRectRatio);
    m_band->setVisible(false);
    rebuild();
    applyTheme();
}

void BarTile::rebuild()
{
    plot()->clearPlottables();
    m_graphs.clear();
    for (std::size_t i = 0; i < m_sets.size(); ++i) {
        QCPGraph* graph = plot()->addGraph();
        graph->setLineStyle(QCPGraph::lsStepLeft);
        m_graphs.push_back(graph);
    }
    m_identity = plot()->addGraph();
    m_lineGraph = plot()->addGraph();
    m_points = plot()->addGraph();
    m_errors = new QCPErrorBars(plot()->xAxis, plot()->yAxis);
    m_errors->setDataPlottable(m_points);
    stylePens();
}

void BarTile::setHistograms(std::vector<HistogramSet> sets)
{
    m_sets = std::move(sets);
    rebuild();
    scheduleReplot();
}

void BarTile::setIntervals(std::vector<IntervalPoint> points, const QString& name)
{
    m_intervals = std::move(points);
    m_intervalName = name;
    scheduleReplot();
}

void BarTile::setCurveThroughIntervals(std::vector<IntervalPoint> curve, const QString& name)
{
    m_line = std::move(curve);
    m_lineName = name;
    scheduleReplot();
}

void BarTile::setBand(std::optional<Range> band, const QString& name)
{
    m_bandRange = band;
    m_bandName = name;
    m_band->setVisible(band.has_value());
    if (band) {
        m_band->topLeft->setCoords(band->lower, 0.0);
        m_band->bottomRight->setCoords(band->upper, 1.0);
    }
    scheduleReplot();
}

void BarTile::applyTheme()
{
    PlotTile::applyTheme();
    if (m_points != nullptr)
        stylePens();
}

void BarTile::stylePens()
{
    m_band->setPen(Qt::NoPen);
    m_band->setBrush(theme().color(ColorRole::Band));
    for (std::size_t i = 0; i < m_graphs.size(); ++i) {
        const QColor color = theme().series(m_sets[i].color);
        m_graphs[i]->setPen(QPen(color, m_sets[i].isFilled ? 1 : 1.8, Theme::seriesDash(m_sets[i].color)));
        QColor fill = color;
        fill.setAlpha(m_sets[i].isFilled ? 90 : 0);
        m_graphs[i]->setBrush(m_sets[i].isFilled ? QBrush(fill) : QBrush(Qt::NoBrush));
    }
    m_identity->setPen(QPen(theme().color(ColorRole::Secondary), 1, Qt::DashLine));
    const QColor color = theme().series(0);
    m_points->setPen(QPen(color, m_line.empty() ? 1.6 : 1));
    m_points->setLineStyle(m_line.empty() && m_showsIdentity ? QCPGraph::lsLine : QCPGraph::lsNone);
    m_points->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, color, 6));
    m_errors->setPen(QPen(color, 1));
    m_lineGraph->setPen(QPen(theme().series(1), 1.6));
}

Range BarTile::fullX() const
{
    if (m_fixedX)
        return *m_fixedX;
    Range range;
    for (const HistogramSet& set : m_sets)
        if (!set.edges.empty()) {
            range.include(set.edges.front());
            range.include(set.edges.back());
        }
    for (const auto* points : { &m_intervals, &m_line })
        for (const IntervalPoint& point : *points)
            range.include(point.x);
    return range;
}

void BarTile::refreshData()
{
    stylePens();
    Range heights;
    if (!m_sets.empty())
        heights.include(0.0);
    for (std::size_t i = 0; i < m_sets.size(); ++i) {
        const HistogramSet& set = m_sets[i];
        QVector<QCPGraphData> outline;
        if (!set.edges.empty())
            outline.append(QCPGraphData(set.edges.front(), 0.0));
        for (std::size_t k = 0; k < set.heights.size(); ++k) {
            outline.append(QCPGraphData(set.edges[k], set.heights[k]));
            heights.include(set.heights[k]);
        }
        if (!set.edges.empty()) {
            outline.append(QCPGraphData(set.edges.back(), set.heights.empty() ? 0.0 : set.heights.back()));
            outline.append(QCPGraphData(set.edges.back(), 0.0));
        }
        m_graphs[i]->data()->set(outline, true);
    }
    QVector<double> x, y, below, above;
    for (const IntervalPoint& point : m_intervals) {
        x << point.x;
        y << point.y;
        below << point.y - point.lower;
        above << point.upper - point.y;
        heights.include(point.lower);
        heights.include(point.upper);
    }
    m_points->setData(x, y, true);
    m_errors->setData(below, above);
    QVector<double> lineX, lineY;
    for (const IntervalPoint& point : m_line) {
        lineX << point.x;
        lineY << point.y;
        heights.include(point.y);
    }
    m_lineGraph->setData(lineX, lineY, true);
    m_identity->setVisible(m_showsIdentity);
    if (m_showsIdentity)
        m_identity->setData({ 0.0, 1.0 }, { 0.0, 1.0 }, true);
    if (m_fixedY && !isLogY())
        setFixedRange(plot()->yAxis, *m_fixedY);
    else
        fitAxes(Range {}, heights);
}

std::vector<LegendEntry> BarTile::legendAt(std::optional<double> x) const
{
    std::vector<LegendEntry> entries;
    for (const HistogramSet& set : m_sets) {
        LegendEntry entry { set.name, {}, theme().series(set.color), Theme::seriesDash(set.color), set.isFilled ? LegendShape::Square : LegendShape::Line };
        for (std::size_t k = 0; x && k < set.heights.size(); ++k)
            if (*x >= set.edges[k] && *x < set.edges[k + 1])
                entry.value = number(set.heights[k]);
        entries.push_back(entry);
    }
    if (!m_line.empty())
        entries.push_back({ m_lineName, {}, theme().series(1), Qt::SolidLine, LegendShape::Line });
    if (!m_intervalName.isEmpty())
        entries.push_back({ m_intervalName, {}, theme().series(0), Qt::SolidLine, LegendShape::Disc });
    if (m_showsIdentity)
        entries.push_back({ tr("perfect calibration"), {}, theme().color(ColorRole::Secondary), Qt::DashLine, LegendShape::Line });
    if (m_bandRange) {
        QColor band = theme().color(ColorRole::Band);
        band.setAlpha(140);
        entries.push_back({ m_bandName, {}, band, Qt::SolidLine, LegendShape::Square });
    }
    return entries;
}

QStringList BarTile::csvHeader() const
{
    if (m_sets.empty())
        return { QStringLiteral("x"), QStringLiteral("y"), QStringLiteral("lower"), QStringLiteral("upper"), QStringLiteral("n") };
    return { QStringLiteral("set"), QStringLiteral("from"), QStringLiteral("to"), QStringLiteral("height") };
}

std::vector<std::vector<double>> BarTile::csvRows(double, double) const
{
    std::vector<std::vector<double>> rows;
    for (const IntervalPoint& point : m_intervals)
        rows.push_back({ point.x, point.y, point.lower, point.upper, point.weight });
    for (std::size_t i = 0; i < m_sets.size(); ++i)
        for (std::size_t k = 0; k < m_sets[i].heights.size(); ++k)
            rows.push_back({ static_cast<double>(i), m_sets[i].edges[k], m_sets[i].edges[k + 1], m_sets[i].heights[k] });
    return rows;
}

} // namespace midpoint::gui
