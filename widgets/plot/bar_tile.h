// SPDX-License-Identifier: GPL-3.0-or-later
// Histograms of several sets over the same bins, as outlined steps so that they can overlap; and points with error bars.
#pragma once

#include "widgets/plot/plot_tile.h"

class QCPErrorBars;
class QCPGraph;
class QCPItemRect;

namespace midpoint::gui {

struct HistogramSet {
    QString name;
    std::vector<double> edges;
    std::vector<double> heights; // one fewer than edges
    int color = 0;
    bool isFilled = false;
};

struct IntervalPoint {
    double x = 0.0;
    double y = 0.0;
    double lower = 0.0;
    double upper = 0.0;
    double weight = 0.0; // n of the bin, drawn as bars at the bottom
};

class BarTile : public PlotTile {
    Q_OBJECT
public:
    BarTile(const Theme& theme, const QString& name, const QString& title, const AxisTitles& axes, QWidget* parent = nullptr);

    void setHistograms(std::vector<HistogramSet> sets);
    void setIntervals(std::vector<IntervalPoint> points, const QString& name); // with the identity line over 0..1
    void setBand(std::optional<Range> band, const QString& name);              // shaded, such as the target
    void setCurveThroughIntervals(std::vector<IntervalPoint> curve, const QString& name); // a line without bars
    void setFixedX(std::optional<Range> range) { m_fixedX = range; }
    void setFixedY(std::optional<Range> range) { m_fixedY = range; }
    void setShowsIdentity(bool on) { m_showsIdentity = on; }
    const std::vector<HistogramSet>& histograms() const { return m_sets; }
    const std::vector<IntervalPoint>& intervals() const { return m_intervals; }

protected:
    void refreshData() override;
    std::vector<LegendEntry> legendAt(std::optional<double> x) const override;
    QStringList csvHeader() const override;
    std::vector<std::vector<double>> csvRows(double lower, double upper) const override;
    Range fullX() const override;
    void applyTheme() override;
    bool zoomsByUser() const override { return false; }

private:
    void rebuild();
    void stylePens();

    std::vector<HistogramSet> m_sets;
    std::vector<QCPGraph*> m_graphs;
    std::vector<IntervalPoint> m_intervals;
    std::vector<IntervalPoint> m_line;
    QString m_intervalName;
    QString m_lineName;
    QCPGraph* m_points = nullptr;
    QCPErrorBars* m_errors = nullptr;
    QCPGraph* m_identity = nullptr;
    QCPGraph* m_lineGraph = nullptr;
    QCPItemRect* m_band = nullptr;
    std::optional<Range> m_bandRange;
    QString m_bandName;
    std::optional<Range> m_fixedX;
    std::optional<Range> m_fixedY;
    bool m_showsIdentity = false;
};

} // namespace midpoint::gui
