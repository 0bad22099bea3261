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
    };

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
    void refreshCurves();
    void refreshValues();
    void refreshMarkers();
    void maximize(PlotTile* tile);

    ValueStrip* m_values;
    QSlider* m_smoothing;
    QDoubleSpinBox* m_smoothingValue;
    QComboBox* m_quantity;
    QCheckBox* m_logY;
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
