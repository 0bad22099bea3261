// SPDX-License-Identifier: GPL-3.0-or-later
// A cloud of points with the identity line; points belong to sets with a colour. Above 20,000 points a density map is drawn.
#pragma once

#include "widgets/plot/plot_tile.h"

#include <cstdint>

class QCPColorMap;
class QCPGraph;

namespace midpoint::gui {

struct ScatterPoint {
    double x = 0.0;
    double y = 0.0;
    std::int64_t id = 0;
    int set = 0;
};

class ScatterTile : public PlotTile {
    Q_OBJECT
public:
    ScatterTile(const Theme& theme, const QString& name, const QString& title, const AxisTitles& axes, QWidget* parent = nullptr);

    void setPoints(std::vector<ScatterPoint> points, QStringList setNames);
    void ring(std::optional<std::int64_t> id); // mark one point
    std::size_t pointCount() const { return m_points.size(); }
    bool showsDensity() const { return m_points.size() > kMaximumDiscs; }
    static constexpr std::size_t kMaximumDiscs = 20'000;

Q_SIGNALS:
    void pointClicked(std::int64_t id);
    void pointsChosen(const std::vector<std::int64_t>& ids); // by a rectangle; none: the choice is taken back

protected:
    void refreshData() override;
    std::vector<LegendEntry> legendAt(std::optional<double> x) const override;
    QStringList csvHeader() const override;
    std::vector<std::vector<double>> csvRows(double lower, double upper) const override;
    Range fullX() const override { return { 0.0, 1.0 }; }
    void applyTheme() override;
    bool zoomsByUser() const override { return false; }
    void plotClicked(QMouseEvent* event) override;
    void mouseMovedOverPlot(QMouseEvent*) override { }

private:
    void stylePens();
    void chooseWithin(const QRectF& place); // in pixels
    std::optional<std::size_t> nearestPoint(QPointF position) const;

    std::vector<ScatterPoint> m_points;
    QStringList m_setNames;
    std::vector<QCPGraph*> m_sets;
    QCPGraph* m_identity = nullptr;
    QCPGraph* m_ring = nullptr;
    QCPColorMap* m_density = nullptr;
    std::optional<std::int64_t> m_ringId;
};

} // namespace midpoint::gui
