// SPDX-License-Identifier: GPL-3.0-or-later
// One horizontal bar for each named row: of a single value with a whisker and a text behind it, or stacked from parts.
#pragma once

#include "widgets/plot/plot_tile.h"

namespace midpoint::gui {

struct BarRow {
    QString name;
    std::vector<double> parts; // from left to right; one that is not finite draws nothing
    int color = 0;             // index of the theme's series, where there is one part
    double lower = 0.0;        // of the whisker; NaN: none
    double upper = 0.0;        // infinity: out of the plot
    QString text = {};         // behind the bar
};

class RowBarTile : public PlotTile {
    Q_OBJECT
public:
    RowBarTile(const Theme& theme, const QString& name, const QString& title, const QString& xTitle, QWidget* parent = nullptr);

    // Names of parts stand in the legend; without them every row has a single part in its own colour.
    void setRows(std::vector<BarRow> rows, QStringList partNames = {});
    void setReference(std::optional<double> x, const QString& name); // a vertical line, such as the baseline
    void setPercentX(bool on);                                       // values are shares, and the axis ends at 100 %
    const std::vector<BarRow>& rows() const { return m_rows; }
    QString csv() const override;

protected:
    void refreshData() override;
    std::vector<LegendEntry> legendAt(std::optional<double> x) const override;
    QStringList csvHeader() const override;
    std::vector<std::vector<double>> csvRows(double lower, double upper) const override;
    Range fullX() const override;
    void applyTheme() override;
    bool zoomsByUser() const override { return false; }
    void mouseMovedOverPlot(QMouseEvent* event) override;

private:
    QColor colorOf(const BarRow& row, std::size_t part) const;
    bool isStacked() const { return !m_partNames.isEmpty(); }
    void rebuild();
    void drawTexts();

    std::vector<BarRow> m_rows;
    QStringList m_partNames;
    QCPItemStraightLine* m_reference;
    std::optional<double> m_referenceX;
    QString m_referenceName;
    bool m_isPercent = false;
};

} // namespace midpoint::gui
