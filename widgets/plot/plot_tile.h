// SPDX-License-Identifier: GPL-3.0-or-later
// One plot with everything a plot needs: title, axis titles with units, a legend that shows values under the shared crosshair,
// zoom and pan, log axes, event markers, a text for "nothing here yet", export as PNG, SVG, PDF and CSV. Kinds of plots (curves,
// scatter, bars, map) derive from it. Of the whole window only this folder's .cpp files see qcustomplot.h.
#pragma once

#include "widgets/plot/legend_row.h"
#include "widgets/viewmodels/series.h"

#include <QPointer>
#include <QWidget>

#include <optional>
#include <vector>

class QAction;
class QCustomPlot;
class QCPItemStraightLine;
class QCPPainter;
class QKeyEvent;
class QLabel;
class QMenu;
class QMouseEvent;
class QStackedLayout;
class QToolButton;
class QTimer;

namespace midpoint::gui {

class PlotGroup;
class Theme;

struct AxisTitles {
    QString x;
    QString y;
};

enum class MarkerKind { Checkpoint, Evaluation, Warning, Alert, Resume };

struct PlotMarker {
    double x = 0.0;
    MarkerKind kind = MarkerKind::Checkpoint;
    QString text;
};

class PlotTile : public QWidget {
    Q_OBJECT
public:
    PlotTile(const Theme& theme, const QString& name, const QString& title, const AxisTitles& axes, QWidget* parent = nullptr);
    ~PlotTile() override;

    void setTitle(const QString& title);
    QString title() const;
    void setAxes(const AxisTitles& axes);
    void setXTitle(const QString& title, bool isWhole); // isWhole: of steps or other counts, which have no halves
    void setPercentY(bool on); // the y axis is over shares, and labelled in percent
    void setNote(const QString& note); // small text behind the legend, such as which step is shown
    void setEmptyText(const QString& text); // shown instead of the plot while there is nothing to draw
    QString emptyText() const;
    void setMarkers(std::vector<PlotMarker> markers);
    void setGroup(PlotGroup* group);
    void setExportDescription(const QString& text) { m_exportDescription = text; } // run name, step range, smoothing

    bool isLogX() const { return m_logX; }
    bool isLogY() const { return m_logY; }
    void setLogX(bool on);
    void setLogY(bool on);
    virtual void resetZoom();

    QMenu* menu() const { return m_menu; }
    virtual QString csv() const; // of the visible range, with a header line
    void exportTo(const QString& path); // by the ending: .png, .svg, .pdf, .csv; throws midpoint::Error
    QImage image(double scale) const; // the plot alone
    QImage picture() const;           // with title, legend and description, as it is exported

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;
    int replotsDone() const { return m_replotsDone; }
    bool drawInTurn(); // of its group; false: nothing was to be drawn
    void settle(); // what is due is drawn at once: before a picture of the window is taken

Q_SIGNALS:
    void clickedAt(double x);
    void maximizeRequested(midpoint::gui::PlotTile* tile);
    void zoomChanged(double lower, double upper); // of the x axis, by the user

public Q_SLOTS:
    void showCrosshair(std::optional<double> x);
    void showAnchor(std::optional<double> x);

protected:
    QCustomPlot* plot() const { return m_plot; }
    const Theme& theme() const { return m_theme; }
    virtual void refreshData() = 0;                         // hands the visible part of the data to the plot
    virtual std::vector<LegendEntry> legendAt(std::optional<double> x) const = 0;
    virtual QStringList csvHeader() const = 0;
    virtual std::vector<std::vector<double>> csvRows(double lower, double upper) const = 0;
    virtual Range fullX() const = 0;
    virtual void applyTheme();
    virtual bool zoomsByUser() const { return true; }
    virtual bool hasAirBeside() const { return false; } // between the outermost points and the frame
    // Coalesced: at most ten times a second, twice when the window is not active, never when hidden or scrolled out of sight.
    void scheduleReplot();
    bool isZoomed() const { return m_isZoomed; }
    std::optional<double> anchor() const { return m_anchorX; }
    bool eventFilter(QObject* watched, QEvent* event) override;
    void showEvent(QShowEvent* event) override;
    virtual void mouseMovedOverPlot(QMouseEvent* event);
    virtual void mouseLeftPlot();
    virtual void plotClicked(QMouseEvent* event);
    void fitAxes(const Range& x, const Range& y); // y is sticky: it grows at once and shrinks after five seconds

private:
    struct PictureLayout {
        QRect title, legend, plot, origin;
        QSize size;
    };
    PictureLayout pictureLayout() const; // plot_export.cpp
    void paintPicture(QCPPainter& painter, const PictureLayout& layout) const;
    bool movedByKey(QKeyEvent* event);
    void moveCrosshair(std::optional<double> x);
    void placeLine(QCPItemStraightLine* line, std::optional<double> x);
    void toggleAnchor(double x);
    void buildMenu();
    bool replotNow();
    bool isInSight() const;
    void drawSoon();
    void drawMarkers();
    Range widened(const Range& x) const;
    void updateLegend();
    void copyImage();
    void copyTable();
    void exportByDialog(const QString& filter, const QString& ending);

    const Theme& m_theme;
    QLabel* m_title;
    LegendRow* m_legend;
    QToolButton* m_menuButton;
    QMenu* m_menu;
    QPoint m_pressedAt;
    QAction* m_logXAction = nullptr;
    QAction* m_logYAction = nullptr;
    QStackedLayout* m_stack;
    QLabel* m_emptyText;
    QCustomPlot* m_plot;
    QString m_note;
    QCPItemStraightLine* m_crosshair;
    std::vector<PlotMarker> m_markers;
    QPointer<PlotGroup> m_group;
    std::optional<double> m_crosshairX;
    QCPItemStraightLine* m_anchor;
    std::optional<double> m_anchorX;
    QString m_exportDescription;
    QTimer* m_replotTimer;
    QString m_yTitle;
    bool m_isWholeX = false;
    bool m_isPercentY = false;
    bool m_logX = false;
    bool m_logY = false;
    bool m_isZoomed = false;
    bool m_isDirty = true;
    bool m_isOwed = false; // was to draw while it was out of sight
    qint64 m_lastShrinkMs = 0;
    int m_replotsDone = 0;
};

} // namespace midpoint::gui
