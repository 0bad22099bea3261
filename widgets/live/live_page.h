// SPDX-License-Identifier: GPL-3.0-or-later
// Is it learning, is it healthy, when is it done? Key values above, then the curves of the run with one crosshair for all.
#pragma once

#include "widgets/common/page.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/viewmodels/x_quantity.h"

class QComboBox;
class QDoubleSpinBox;
class QGridLayout;
class QScrollArea;
class QSlider;
class QCheckBox;

class QBoxLayout;

namespace midpoint::gui {

class PlotGroup;
class ValueStrip;

class LivePage : public Page {
    Q_OBJECT
public:
    LivePage(Workbench& workbench, QWidget* parent);

    void addMetricPlot(const QString& metric);
    // Of the plots that every project has at first, by the name of the tile.
    void hidePlot(const QString& name);
    void showPlot(const QString& name);
    std::vector<std::pair<QString, QString>> hiddenPlots() const; // name, title
    // What the user made of the plots, one a line: the metric of an added one, "-" and the name of a hidden one.
    QString plotChoice() const;
    void choosePlots(const QString& choice);
    void setXQuantity(XQuantity quantity);
    void changeSmoothing(double by);
    void toggleLogY();
    void toggleLogX();
    void resetZoom();
    void toggleMaximized();

    struct Plot {
        CurveTile* tile = nullptr;
        std::vector<std::pair<std::string, QString>> metrics; // name, label
        QString unit;
        bool hasPoints = false;
        bool isOwn = false; // added by the user
        bool isHidden = false;
        std::string bandLow = {}; // metrics around the first one; may be empty
        std::string bandHigh = {};
        QString bandName = {};
    };

Q_SIGNALS:
    void plotChoiceChanged();

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void buildToolbar(QBoxLayout* layout);
    void buildPlots();
    void addPlot(Plot plot);
    void removePlot(const QString& metric);
    void savePlots();
    void restorePlots();
    void arrange();
    void arrangeAnew();
    void setHidden(const QString& name, bool isHidden);
    bool isShown(const Plot& plot) const;
    void refreshCurves();
    void refreshValues();
    void refreshMarkers();
    std::optional<CurveBand> bandOf(const Plot& plot) const;
    std::optional<double> recently(const std::string& metric, double step) const;
    void maximize(PlotTile* tile);

    ValueStrip* m_values;
    QSlider* m_smoothing;
    QDoubleSpinBox* m_smoothingValue;
    QComboBox* m_quantity;
    QCheckBox* m_logY;
    QCheckBox* m_showsBand;
    QScrollArea* m_scroll;
    QWidget* m_canvas;
    QGridLayout* m_grid;
    PlotGroup* m_group;
    std::vector<Plot> m_plots;
    PlotTile* m_maximized = nullptr;
    int m_columns = 0;
    std::size_t m_markedEvents = 0;
};

} // namespace midpoint::gui
