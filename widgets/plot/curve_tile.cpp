// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plot/curve_tile.h"

#include "widgets/plot/axis_style.h"
#include "widgets/plot/decimated_graph.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"

#include "widgets/plot/qcustomplot_keywords.h"

#include <cmath>
#include <map>

namespace midpoint::gui {

namespace {

constexpr int kRawAlpha = 75;      // of 255: the raw curve behind its average
constexpr int kFineRawAlpha = 150; // where a line of one pixel of the device is half as wide
constexpr double kFinePixels = 1.5;
constexpr int kBandAlpha = 40;
constexpr std::size_t kFewPoints = 60;
constexpr int kStackColumnPixels = 4; // of a stack: one mean for so many pixels

void hand(QCPGraph* graph, const Points& points)
{
    QVector<QCPGraphData> data(static_cast<qsizetype>(points.x.size()));
    for (std::size_t i = 0; i < points.x.size(); ++i)
        data[static_cast<qsizetype>(i)] = QCPGraphData(points.x[i], points.y[i]);
    graph->data()->set(data, true);
}

// Few points, such as evaluations, are shown as they are: an average over them would lag far behind.
bool isSmoothed(const CurveSpec& spec) { return spec.curve && spec.curve->isSmoothed() && !spec.hasPoints; }

} // namespace

CurveTile::CurveTile(
    const Theme& theme, const QString& name, const QString& title, const AxisTitles& axes, QWidget* parent, CurveStyle style)
    : PlotTile(theme, name, title, axes, parent)
    , m_style(style)
{
    m_reference = new QCPItemStraightLine(plot());
    m_reference->setVisible(false);
    applyTheme();
}

void CurveTile::setCurves(std::vector<CurveSpec> curves)
{
    m_curves = std::move(curves);
    rebuildGraphs();
    scheduleReplot();
}

void CurveTile::setReference(std::optional<double> y, const QString& name)
{
    m_referenceY = y;
    m_referenceName = name;
    m_reference->setVisible(y.has_value());
    if (y) {
        m_reference->point1->setCoords(0, *y);
        m_reference->point2->setCoords(1, *y);
    }
    scheduleReplot();
}

void CurveTile::setFixedY(std::optional<Range> range) { m_fixedY = range; }

void CurveTile::rebuildGraphs()
{
    plot()->clearGraphs();
    m_graphs.clear();
    m_rawGraphs.clear();
    m_bandGraphs.assign(m_curves.size(), {});
    for (std::size_t i = 0; i < m_curves.size(); ++i) // below all curves
        if (m_curves[i].band)
            for (QCPGraph** edge : { &m_bandGraphs[i].low, &m_bandGraphs[i].high }) {
                *edge = new DecimatedGraph(plot()->xAxis, plot()->yAxis);
                (*edge)->setPen(Qt::NoPen);
            }
    for (std::size_t i = 0; i < m_curves.size(); ++i)
        m_rawGraphs.push_back(new DecimatedGraph(plot()->xAxis, plot()->yAxis));
    for (std::size_t i = 0; i < m_curves.size(); ++i) {
        m_graphs.push_back(new DecimatedGraph(plot()->xAxis, plot()->yAxis));
        if (m_curves[i].hasPoints)
            m_graphs.back()->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, 5));
    }
    stylePens();
}

void CurveTile::stylePens()
{
    for (std::size_t i = 0; i < m_graphs.size(); ++i) {
        const CurveSpec& spec = m_curves[i];
        QColor color = colorOf(spec);
        const Qt::PenStyle dash = Theme::seriesDash(spec.color);
        m_graphs[i]->setBrush(Qt::NoBrush);
        if (m_style == CurveStyle::Stacked) {
            QColor fill = color;
            fill.setAlpha(spec.shade ? 210 : 150); // shades of one scale have to be told apart
            m_graphs[i]->setPen(QPen(color, 1));
            m_graphs[i]->setBrush(fill);
            m_graphs[i]->setChannelFillGraph(i > 0 ? m_graphs[i - 1] : nullptr);
        } else {
            m_graphs[i]->setPen(QPen(color, spec.isThick ? 2.5 : 1.6, dash));
        }
        if (m_bandGraphs[i].low != nullptr) {
            QColor fill = color;
            fill.setAlpha(kBandAlpha);
            m_bandGraphs[i].low->setBrush(fill);
            m_bandGraphs[i].low->setChannelFillGraph(m_bandGraphs[i].high);
        }
        m_rawGraphs[i]->setPen(rawPen(spec, Density::Sparse));
        m_rawGraphs[i]->setVisible(m_style == CurveStyle::Lines && isSmoothed(spec));
    }
}

// One pixel wide: the cheap path of the rasteriser. Where it is a fine line it has to be the stronger; noise so dense that it
// covers an area must not drown the average on it.
QPen CurveTile::rawPen(const CurveSpec& spec, Density density) const
{
    QColor color = colorOf(spec);
    color.setAlpha(devicePixelRatioF() >= kFinePixels && density == Density::Sparse ? kFineRawAlpha : kRawAlpha);
    return QPen(color, 1);
}

void CurveTile::applyTheme()
{
    PlotTile::applyTheme();
    if (m_reference != nullptr)
        m_reference->setPen(QPen(theme().color(ColorRole::Secondary), 1, Qt::DashLine));
    stylePens();
}

Range CurveTile::fullX() const
{
    Range range;
    for (const CurveSpec& spec : m_curves)
        if (spec.curve && !spec.curve->raw().isEmpty()) {
            range.include(spec.curve->raw().x(0));
            range.include(spec.curve->raw().x(spec.curve->raw().size() - 1));
        }
    return range;
}

Range CurveTile::refreshLines(double lower, double upper, int columns)
{
    Range values;
    for (std::size_t i = 0; i < m_curves.size(); ++i) {
        const CurveSpec& spec = m_curves[i];
        if (!spec.curve)
            continue;
        const Series& raw = spec.curve->raw();
        const std::size_t first = raw.indexAt(lower);
        const std::size_t last = raw.indexAt(std::nextafter(upper, upper + 1));
        values.include(raw.valueRange(first, last));
        if (m_bandGraphs[i].low != nullptr)
            values.include(refreshBand(i, lower, upper, columns));
        // Seen from afar the average is drawn by its means: minima and maxima are the raw curve's business.
        hand(m_graphs[i], isSmoothed(spec) ? spec.curve->smooth().averaged(lower, upper, columns) : raw.decimated(lower, upper, columns));
        if (m_rawGraphs[i]->visible()) {
            m_rawGraphs[i]->setPen(rawPen(spec, last - first > static_cast<std::size_t>(columns) ? Density::Covering : Density::Sparse));
            hand(m_rawGraphs[i], raw.decimated(lower, upper, columns));
        }
        if (!spec.hasPoints)
            m_graphs[i]->setScatterStyle(last - first == 1 ? QCPScatterStyle(QCPScatterStyle::ssDisc, 5) : QCPScatterStyle());
        else
            m_graphs[i]->setScatterStyle(last - first <= kFewPoints ? QCPScatterStyle(QCPScatterStyle::ssDisc, 5) : QCPScatterStyle());
    }
    return values;
}

// The edges are means over as many columns as the average is drawn by: two points at one x would cut the area into stripes.
Range CurveTile::refreshBand(std::size_t index, double lower, double upper, int columns)
{
    Range values;
    const auto show = [&](QCPGraph* graph, const Curve& curve) {
        const Series& edge = isSmoothed(m_curves[index]) ? curve.smooth() : curve.raw();
        values.include(edge.valueRange(edge.indexAt(lower), edge.indexAt(std::nextafter(upper, upper + 1))));
        hand(graph, edge.averaged(lower, upper, columns));
    };
    show(m_bandGraphs[index].low, *m_curves[index].band->low);
    show(m_bandGraphs[index].high, *m_curves[index].band->high);
    return values;
}

Range CurveTile::refreshStack(double lower, double upper, int columns)
{
    // Layers are summed at the steps of the first curve, thinned to the columns of the plot by taking means.
    Range values;
    if (m_curves.empty() || !m_curves.front().curve)
        return values;
    std::vector<double> sums;
    values.include(0.0);
    for (std::size_t i = 0; i < m_curves.size(); ++i) {
        const Series& layer = m_curves[i].curve->smooth();
        const std::size_t first = layer.indexAt(lower);
        const std::size_t last = std::min(layer.indexAt(std::nextafter(upper, upper + 1)), layer.size());
        const std::size_t stride = std::max<std::size_t>(1, (last - first) / static_cast<std::size_t>(std::max(columns / kStackColumnPixels, 1)));
        if (stride > 1)
            m_graphs[i]->setPen(Qt::NoPen); // borders of layers this dense would be all there is to see
        Points points;
        std::size_t slot = 0;
        bool hasHeight = false;
        for (std::size_t k = first; k < last; k += stride, ++slot) {
            double sum = 0.0;
            std::size_t count = 0;
            for (std::size_t j = k; j < std::min(k + stride, last); ++j)
                if (std::isfinite(layer.y(j))) {
                    sum += layer.y(j);
                    ++count;
                }
            if (sums.size() <= slot)
                sums.resize(slot + 1, 0.0);
            sums[slot] += count > 0 ? sum / static_cast<double>(count) : 0.0;
            hasHeight = hasHeight || sum > 0.0;
            points.x.push_back(layer.x(k));
            points.y.push_back(sums[slot]);
            values.include(sums[slot]);
        }
        if (!hasHeight)
            m_graphs[i]->setPen(Qt::NoPen); // an empty layer is no line
        hand(m_graphs[i], points);
    }
    return values;
}

void CurveTile::refreshData()
{
    const QCPRange range = plot()->xAxis->range();
    const int columns = static_cast<int>(std::max(plot()->axisRect()->width(), 200) * devicePixelRatioF());
    stylePens();
    Range values = m_style == CurveStyle::Stacked ? refreshStack(range.lower, range.upper, columns)
                                                  : refreshLines(range.lower, range.upper, columns);
    if (m_referenceY)
        values.include(*m_referenceY);
    if (m_fixedY && !isLogY())
        setFixedRange(plot()->yAxis, *m_fixedY);
    else
        fitAxes(Range {}, values);
}

void CurveTile::refreshForBenchmark()
{
    const Range x = fullX();
    plot()->xAxis->setRange(x.lower, x.upper);
    refreshData();
    plot()->replot(QCustomPlot::rpImmediateRefresh);
}

// The value that is drawn at x, or the last one; with the difference to the anchored line where there is one.
QString CurveTile::valueAt(const CurveSpec& spec, std::optional<double> x) const
{
    const Series& raw = spec.curve->raw();
    if (raw.isEmpty())
        return {};
    const std::string unit = spec.unit.toStdString();
    const Series& shown = isSmoothed(spec) ? spec.curve->smooth() : raw;
    const std::size_t index = x ? raw.nearest(*x) : raw.size() - 1;
    const QString text = withUnit(shown.y(index), unit);
    if (!x || !anchor())
        return text;
    const double change = shown.y(index) - shown.y(raw.nearest(*anchor()));
    return tr("%1  Δ %2%3").arg(text, change > 0 ? QStringLiteral("+") : QString(), withUnit(change, unit));
}

QString CurveTile::rawAt(const CurveSpec& spec, std::optional<double> x) const
{
    const Series& raw = spec.curve->raw();
    if (raw.isEmpty() || !isSmoothed(spec))
        return {};
    return tr("raw %1").arg(withUnit(raw.y(x ? raw.nearest(*x) : raw.size() - 1), spec.unit.toStdString()));
}

std::vector<LegendEntry> CurveTile::legendAt(std::optional<double> x) const
{
    std::vector<LegendEntry> entries;
    for (std::size_t i = 0; i < m_curves.size(); ++i) {
        const CurveSpec& spec = m_curves[i];
        if (!spec.curve)
            continue;
        LegendEntry entry { spec.name, {}, colorOf(spec), spec.shade ? Qt::SolidLine : Theme::seriesDash(spec.color),
            m_style == CurveStyle::Stacked ? LegendShape::Square : LegendShape::Line };
        entry.value = valueAt(spec, x);
        entry.remark = rawAt(spec, x);
        entries.push_back(entry);
        if (spec.band && !spec.band->name.isEmpty()) {
            CurveSpec low = spec; // valued like the curve itself
            CurveSpec high = spec;
            low.curve = spec.band->low;
            high.curve = spec.band->high;
            QColor fill = entry.color;
            fill.setAlpha(2 * kBandAlpha);
            entries.push_back({ spec.band->name, tr("%1 to %2").arg(valueAt(low, x), valueAt(high, x)), fill, Qt::SolidLine, LegendShape::Square });
        }
    }
    if (x && anchor())
        entries.push_back({ tr("Δ x %1").arg(number(*x - *anchor())), {}, theme().color(ColorRole::Accent), Qt::SolidLine, LegendShape::None });
    if (m_referenceY)
        entries.push_back({ m_referenceName, number(*m_referenceY), theme().color(ColorRole::Secondary), Qt::DashLine, LegendShape::Line });
    return entries;
}

// What a table of the plot holds, one column each.
std::vector<std::pair<QString, const Series*>> CurveTile::csvSeries() const
{
    std::vector<std::pair<QString, const Series*>> columns;
    for (const CurveSpec& spec : m_curves) {
        if (!spec.curve)
            continue;
        columns.emplace_back(spec.name, &spec.curve->raw());
        if (isSmoothed(spec))
            columns.emplace_back(spec.name + QStringLiteral(" (smoothed)"), &spec.curve->smooth());
        if (spec.band) {
            const QString around = spec.band->name.isEmpty() ? spec.name : tr("%1: %2").arg(spec.name, spec.band->name);
            columns.emplace_back(tr("%1, lower").arg(around), &spec.band->low->raw());
            columns.emplace_back(tr("%1, upper").arg(around), &spec.band->high->raw());
        }
    }
    return columns;
}

QStringList CurveTile::csvHeader() const
{
    QStringList header { plot()->xAxis->label() };
    for (const auto& [name, series] : csvSeries())
        header << name;
    for (QString& name : header)
        name = QLatin1Char('"') + name.replace(QLatin1Char('"'), QStringLiteral("\"\"")) + QLatin1Char('"');
    return header;
}

std::vector<std::vector<double>> CurveTile::csvRows(double lower, double upper) const
{
    const auto columns = csvSeries();
    std::map<double, std::vector<double>> rows;
    for (std::size_t column = 0; column < columns.size(); ++column) {
        const Series& series = *columns[column].second;
        for (std::size_t i = series.indexAt(lower); i < series.size() && series.x(i) <= upper; ++i) {
            auto& row = rows.try_emplace(series.x(i), columns.size() + 1, std::numeric_limits<double>::quiet_NaN()).first->second;
            row[0] = series.x(i);
            row[column + 1] = series.y(i);
        }
    }
    std::vector<std::vector<double>> result;
    for (auto& [x, row] : rows)
        result.push_back(std::move(row));
    return result;
}

} // namespace midpoint::gui
