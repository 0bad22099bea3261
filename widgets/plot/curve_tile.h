// SPDX-License-Identifier: GPL-3.0-or-later
// Curves over x: the raw one faint and one pixel wide, the smoothed one on top; decimated to two points per pixel column.
#pragma once

#include "widgets/plot/plot_tile.h"
#include "widgets/theme/theme.h"

#include <QPen>

#include <memory>

class QCPGraph;

namespace midpoint::gui {

// What lies around a curve, such as percentiles or a deviation.
struct CurveBand {
    QString name; // empty: not in the legend, where a note speaks of all bands
    std::shared_ptr<const Curve> low;
    std::shared_ptr<const Curve> high;
};

struct CurveSpec {
    QString name;
    std::shared_ptr<const Curve> curve;
    int color = 0;                 // index of the theme's series; after six the dash pattern changes
    bool isThick = false;          // the run in focus
    bool hasPoints = false;        // few values, such as evaluations: discs on the line
    QString unit = {};
    std::optional<double> shade = {}; // 0..1: a layer of an ordered quantity takes the sequential palette instead of a hue
    std::optional<CurveBand> band = {};
};

enum class CurveStyle { Lines, Stacked };

class CurveTile : public PlotTile {
    Q_OBJECT
public:
    CurveTile(const Theme& theme, const QString& name, const QString& title, const AxisTitles& axes, QWidget* parent = nullptr,
        CurveStyle style = CurveStyle::Lines);

    void setCurves(std::vector<CurveSpec> curves);
    void dataChanged() { scheduleReplot(); }
    void setReference(std::optional<double> y, const QString& name); // a horizontal line, such as the target
    void setFixedY(std::optional<Range> range);
    const std::vector<CurveSpec>& curves() const { return m_curves; }
    void refreshForBenchmark(); // what one replot does, at once

protected:
    void refreshData() override;
    std::vector<LegendEntry> legendAt(std::optional<double> x) const override;
    QStringList csvHeader() const override;
    std::vector<std::vector<double>> csvRows(double lower, double upper) const override;
    Range fullX() const override;
    void applyTheme() override;
    bool hasAirBeside() const override { return true; }

private:
    QColor colorOf(const CurveSpec& spec) const { return spec.shade ? theme().sequential(*spec.shade) : theme().series(spec.color); }
    QString valueAt(const CurveSpec& spec, std::optional<double> x) const;
    QString rawAt(const CurveSpec& spec, std::optional<double> x) const;
    void rebuildGraphs();
    void stylePens();
    enum class Density { Sparse, Covering }; // of points along the x axis
    QPen rawPen(const CurveSpec& spec, Density density) const;
    std::vector<std::pair<QString, const Series*>> csvSeries() const;
    Range refreshLines(double lower, double upper, int columns);
    Range refreshBand(std::size_t index, double lower, double upper, int columns);
    Range refreshStack(double lower, double upper, int columns);

    CurveStyle m_style;
    std::vector<CurveSpec> m_curves;
    std::vector<QCPGraph*> m_rawGraphs;
    std::vector<QCPGraph*> m_graphs;
    struct BandGraphs {
        QCPGraph* low = nullptr; // null: this curve has no band
        QCPGraph* high = nullptr;
    };
    std::vector<BandGraphs> m_bandGraphs;
    QCPItemStraightLine* m_reference = nullptr;
    std::optional<double> m_referenceY;
    QString m_referenceName;
    std::optional<Range> m_fixedY;
};

} // namespace midpoint::gui
