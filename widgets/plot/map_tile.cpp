// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plot/map_tile.h"

#include "widgets/plot/axis_style.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"

#include "widgets/plot/qcustomplot_keywords.h"

#include <algorithm>

namespace midpoint::gui {

namespace {

// Cells of a map may be of unequal width, QCPColorMap's are not: each cell of a fine grid takes the bin that holds its middle.
constexpr int kGridCells = 120;

std::size_t binOf(const std::vector<double>& edges, double value)
{
    const auto above = std::upper_bound(edges.begin(), edges.end(), value);
    const auto index = std::max<std::ptrdiff_t>(above - edges.begin() - 1, 0);
    return std::min(static_cast<std::size_t>(index), edges.size() - 2);
}

} // namespace

MapTile::MapTile(const Theme& theme, const QString& name, const QString& title, const AxisTitles& axes, const QString& unit, QWidget* parent)
    : PlotTile(theme, name, title, axes, parent)
    , m_unit(unit)
{
    plot()->setInteractions(QCP::iNone);
    m_map = new QCPColorMap(plot()->xAxis, plot()->yAxis);
    m_map->setInterpolate(false);
    m_scale = new QCPColorScale(plot());
    m_scale->setBarWidth(10);
    plot()->plotLayout()->addElement(0, 1, m_scale);
    m_map->setColorScale(m_scale);
    auto* margins = new QCPMarginGroup(plot());
    plot()->axisRect()->setMarginGroup(QCP::msBottom | QCP::msTop, margins);
    m_scale->setMarginGroup(QCP::msBottom | QCP::msTop, margins);
    m_scale->axis()->setLabel(unit);
    applyTheme();
}

void MapTile::setMap(CountMap map)
{
    m_data = std::move(map);
    scheduleReplot();
}

void MapTile::applyTheme()
{
    PlotTile::applyTheme();
    if (m_scale == nullptr)
        return;
    styleAxis(m_scale->axis(), theme());
    for (QCPAxis* counted : { m_scale->axis(), plot()->xAxis })
        setWholeTicks(counted, true);
    QCPColorGradient gradient;
    QMap<double, QColor> stops;
    stops[0.0] = theme().color(ColorRole::Plot);
    for (int i = 0; i <= 8; ++i)
        stops[0.01 + 0.99 * i / 8.0] = theme().isDark() ? theme().sequential(i / 8.0) : theme().sequential(1.0 - i / 8.0);
    gradient.setColorStops(stops);
    m_scale->setGradient(gradient);
}

Range MapTile::fullX() const
{
    return m_data.xEdges.size() < 2 ? Range {} : Range { m_data.xEdges.front(), m_data.xEdges.back() };
}

void MapTile::refreshData()
{
    if (m_data.xEdges.size() < 2 || m_data.yEdges.size() < 2)
        return;
    const double left = m_data.xEdges.front();
    const double right = m_data.xEdges.back();
    const double bottom = m_data.yEdges.front();
    const double top = m_data.yEdges.back();
    const double cellWidth = (right - left) / kGridCells;
    const double cellHeight = (top - bottom) / kGridCells;
    m_map->data()->setSize(kGridCells, kGridCells);
    m_map->data()->setRange(QCPRange(left + cellWidth / 2, right - cellWidth / 2), QCPRange(bottom + cellHeight / 2, top - cellHeight / 2));
    const std::size_t rows = m_data.yEdges.size() - 1;
    double largest = 0.0;
    for (int i = 0; i < kGridCells; ++i) {
        for (int j = 0; j < kGridCells; ++j) {
            const std::size_t x = binOf(m_data.xEdges, left + (i + 0.5) * cellWidth);
            const std::size_t y = binOf(m_data.yEdges, bottom + (j + 0.5) * cellHeight);
            const double count = x * rows + y < m_data.counts.size() ? m_data.counts[x * rows + y] : 0.0;
            m_map->data()->setCell(i, j, count);
            largest = std::max(largest, count);
        }
    }
    m_map->setDataRange(QCPRange(0.0, std::max(largest, 1.0)));
    setFixedRange(plot()->xAxis, { left, right });
    setFixedRange(plot()->yAxis, { bottom, top });
}

std::vector<LegendEntry> MapTile::legendAt(std::optional<double>) const
{
    double total = 0.0;
    for (const double count : m_data.counts)
        total += count;
    return { { m_hover.isEmpty() ? tr("%1 in all").arg(number(total)) : m_hover, {}, QColor(), Qt::SolidLine, LegendShape::None } };
}

void MapTile::mouseMovedOverPlot(QMouseEvent* event)
{
    m_hover.clear();
    const double x = plot()->xAxis->pixelToCoord(event->position().x());
    const double y = plot()->yAxis->pixelToCoord(event->position().y());
    if (m_data.xEdges.size() >= 2 && m_data.yEdges.size() >= 2 && x >= m_data.xEdges.front() && x <= m_data.xEdges.back()
        && y >= m_data.yEdges.front() && y <= m_data.yEdges.back()) {
        const std::size_t i = binOf(m_data.xEdges, x);
        const std::size_t j = binOf(m_data.yEdges, y);
        m_hover = tr("%1–%2 × %3–%4: %5")
                      .arg(number(m_data.xEdges[i]), number(m_data.xEdges[i + 1]), number(m_data.yEdges[j]), number(m_data.yEdges[j + 1]),
                          number(m_data.counts[i * (m_data.yEdges.size() - 1) + j]));
    }
    showCrosshair(std::nullopt);
}

void MapTile::mouseLeftPlot()
{
    m_hover.clear();
    showCrosshair(std::nullopt);
}

QStringList MapTile::csvHeader() const
{
    return { QStringLiteral("x from"), QStringLiteral("x to"), QStringLiteral("y from"), QStringLiteral("y to"), m_unit };
}

std::vector<std::vector<double>> MapTile::csvRows(double, double) const
{
    std::vector<std::vector<double>> rows;
    for (std::size_t i = 0; i + 1 < m_data.xEdges.size(); ++i)
        for (std::size_t j = 0; j + 1 < m_data.yEdges.size(); ++j)
            rows.push_back({ m_data.xEdges[i], m_data.xEdges[i + 1], m_data.yEdges[j], m_data.yEdges[j + 1],
                m_data.counts[i * (m_data.yEdges.size() - 1) + j] });
    return rows;
}

} // namespace midpoint::gui
