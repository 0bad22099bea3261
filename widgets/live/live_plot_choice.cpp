// SPDX-License-Identifier: GPL-3.0-or-later
// Which plots the Live screen shows: those that were added and hidden in the project.
#include "widgets/live/live_page.h"
#include "widgets/viewmodels/metric_titles.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/run_model.h"

#include <QMenu>
#include <QScrollArea>

#include <algorithm>

namespace midpoint::gui {

namespace {
constexpr QLatin1Char kHiddenMark('-'); // no metric begins with it
} // namespace

void LivePage::hidePlot(const QString& name)
{
    setHidden(name, true);
    Q_EMIT statusMessage(tr("The plot is hidden. \"Add a plot…\" shows it again."));
}

void LivePage::showPlot(const QString& name)
{
    setHidden(name, false);
    for (const Plot& plot : m_plots)
        if (plot.tile->objectName() == name)
            QMetaObject::invokeMethod(plot.tile, [this, tile = plot.tile] { m_scroll->ensureWidgetVisible(tile); }, Qt::QueuedConnection);
}

void LivePage::setHidden(const QString& name, bool isHidden)
{
    const auto found = std::find_if(m_plots.begin(), m_plots.end(), [&](const Plot& plot) { return !plot.isOwn && plot.tile->objectName() == name; });
    if (found == m_plots.end() || found->isHidden == isHidden)
        return;
    found->isHidden = isHidden;
    if (m_maximized == found->tile)
        m_maximized = nullptr;
    arrangeAnew();
    savePlots();
}

std::vector<std::pair<QString, QString>> LivePage::hiddenPlots() const
{
    std::vector<std::pair<QString, QString>> hidden;
    for (const Plot& plot : m_plots)
        if (plot.isHidden)
            hidden.emplace_back(plot.tile->objectName(), plot.tile->title());
    return hidden;
}

void LivePage::addMetricPlot(const QString& metric)
{
    const bool isThere = std::any_of(m_plots.begin(), m_plots.end(), [&](const Plot& plot) { return plot.isOwn && plot.metrics.front().second == metric; });
    if (isThere)
        return;
    Plot plot;
    plot.isOwn = true;
    plot.tile = new CurveTile(theme(), QStringLiteral("plotOwn") + metric, metricTitle(metric.toStdString()), { axisTitle(run().xQuantity()), metricAxis(metric.toStdString()) }, m_canvas);
    plot.tile->setToolTip(metricHelp(metric.toStdString()));
    plot.metrics = { { metric.toStdString(), metric } };
    plot.tile->menu()->addSeparator();
    connect(plot.tile->menu()->addAction(tr("Remove this plot")), &QAction::triggered, this, [this, metric] { removePlot(metric); });
    PlotTile* tile = plot.tile;
    addPlot(std::move(plot));
    arrangeAnew();
    refreshCurves();
    savePlots();
    QMetaObject::invokeMethod(tile, [this, tile] { m_scroll->ensureWidgetVisible(tile); }, Qt::QueuedConnection);
}

void LivePage::removePlot(const QString& metric)
{
    const auto found = std::find_if(m_plots.begin(), m_plots.end(), [&](const Plot& plot) { return plot.isOwn && plot.metrics.front().second == metric; });
    if (found == m_plots.end())
        return;
    found->tile->hide();
    found->tile->deleteLater(); // its menu is still open
    if (m_maximized == found->tile)
        m_maximized = nullptr;
    m_plots.erase(found);
    arrangeAnew();
    savePlots();
}

void LivePage::savePlots()
{
    workbench().project.setPreference(QStringLiteral("live.plots"), plotChoice());
    Q_EMIT plotChoiceChanged();
}

QString LivePage::plotChoice() const
{
    QStringList lines;
    for (const Plot& plot : m_plots)
        if (plot.isOwn)
            lines << plot.metrics.front().second;
        else if (plot.isHidden)
            lines << kHiddenMark + plot.tile->objectName();
    return lines.join(QLatin1Char('\n'));
}

// What was chosen in this project; the choice of the project before goes.
void LivePage::restorePlots() { choosePlots(workbench().project.preference(QStringLiteral("live.plots"))); }

void LivePage::choosePlots(const QString& choice)
{
    const QStringList wanted = choice.split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    QStringList own;
    QStringList builtIn;
    for (const Plot& plot : m_plots)
        (plot.isOwn ? own : builtIn) << (plot.isOwn ? plot.metrics.front().second : plot.tile->objectName());
    for (const QString& metric : own)
        if (!wanted.contains(metric))
            removePlot(metric);
    for (const QString& name : builtIn)
        setHidden(name, wanted.contains(kHiddenMark + name));
    for (const QString& line : wanted)
        if (!line.startsWith(kHiddenMark))
            addMetricPlot(line);
}

} // namespace midpoint::gui
