// SPDX-License-Identifier: GPL-3.0-or-later
// A map of counts over two axes with a colour scale, such as age x reward of the replay buffer.
#pragma once

#include "widgets/plot/plot_tile.h"

class QCPColorMap;
class QCPColorScale;

namespace midpoint::gui {

struct CountMap {
    std::vector<double> xEdges;
    std::vector<double> yEdges;
    std::vector<double> counts; // row-major: x edges are the rows
};

class MapTile : public PlotTile {
    Q_OBJECT
public:
    MapTile(const Theme& theme, const QString& name, const QString& title, const AxisTitles& axes, const QString& unit,
        QWidget* parent = nullptr);
    void setMap(CountMap map);
    const CountMap& map() const { return m_data; }

protected:
    void refreshData() override;
    std::vector<LegendEntry> legendAt(std::optional<double> x) const override;
    QStringList csvHeader() const override;
    std::vector<std::vector<double>> csvRows(double lower, double upper) const override;
    Range fullX() const override;
    void applyTheme() override;
    bool zoomsByUser() const override { return false; }
    void mouseMovedOverPlot(QMouseEvent* event) override;
    void mouseLeftPlot() override;

private:
    CountMap m_data;
    QString m_unit;
    QString m_hover;
    QCPColorMap* m_map = nullptr;
    QCPColorScale* m_scale = nullptr;
};

} // namespace midpoint::gui
