// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plot/row_bar_tile.h"

#include "widgets/plot/axis_style.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"

#include "widgets/plot/qcustomplot_keywords.h"

#include <QMouseEvent>

#include <algorithm>
#include <cmath>

namespace midpoint::gui {

namespace {

constexpr double kThickness = 0.62;  // of a bar, of the distance between two rows
constexpr double kRoomForText = 1.5; // of the longest bar
constexpr double kWhole = 1.04;      // of shares: with room for the last label
constexpr int kTicks = 4;            // the names leave little room for labels
constexpr int kFillAlpha = 150;
const QString kText = QStringLiteral("rowText");

QString quoted(QString text) { return QLatin1Char('"') + text.replace(QLatin1Char('"'), QStringLiteral("\"\"")) + QLatin1Char('"'); }

} // namespace

RowBarTile::RowBarTile(const Theme& theme, const QString& name, const QString& title, const QString& xTitle, QWidget* parent)
    : PlotTile(theme, name, title, { xTitle, QString() }, parent)
    , m_reference(new QCPItemStraightLine(plot()))
{
    plot()->setInteractions(QCP::iNone);
    plot()->yAxis->setTicker(QSharedPointer<QCPAxisTickerText>::create());
    plot()->yAxis->setRangeReversed(true); // the first row on top
    plot()->yAxis->grid()->setVisible(false);
    m_reference->setVisible(false);
    for (QAction* action : menu()->actions().mid(0, 3)) // logarithms and zoom are for points, not for bars from zero
        action->setVisible(false);
    applyTheme();
}

void RowBarTile::setRows(std::vector<BarRow> rows, QStringList partNames)
{
    m_rows = std::move(rows);
    m_partNames = std::move(partNames);
    rebuild();
    resetZoom();
}

void RowBarTile::setReference(std::optional<double> x, const QString& name)
{
    m_referenceX = x && std::isfinite(*x) ? x : std::nullopt;
    m_referenceName = name;
    m_reference->setVisible(m_referenceX.has_value());
    if (m_referenceX) {
        m_reference->point1->setCoords(*m_referenceX, 0.0);
        m_reference->point2->setCoords(*m_referenceX, 1.0);
    }
    scheduleReplot();
}

void RowBarTile::setPercentX(bool on)
{
    m_isPercent = on;
    setPercentTicks(plot()->xAxis, on);
}

QColor RowBarTile::colorOf(const BarRow& row, std::size_t part) const { return theme().series(isStacked() ? static_cast<int>(part) : row.color); }

// A bar object for each row and part: each has a colour of its own.
void RowBarTile::rebuild()
{
    plot()->clearPlottables();
    auto names = QSharedPointer<QCPAxisTickerText>::create();
    QVector<double> keys, values, below, above;
    const double farAway = 2.0 * fullX().upper; // a whisker that never ends runs out of the frame
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        const BarRow& row = m_rows[i];
        const auto key = static_cast<double>(i);
        names->addTick(key, row.name);
        QCPBars* before = nullptr;
        for (std::size_t part = 0; part < row.parts.size(); ++part) {
            if (!std::isfinite(row.parts[part]))
                continue;
            auto* bar = new QCPBars(plot()->yAxis, plot()->xAxis);
            bar->setWidth(kThickness);
            const QColor color = colorOf(row, part);
            QColor fill = color;
            fill.setAlpha(kFillAlpha);
            const bool isDashed = !isStacked() && Theme::seriesDash(row.color) != Qt::SolidLine; // as its curve
            bar->setPen(QPen(color, 1, isDashed ? Qt::DashLine : Qt::SolidLine));
            bar->setBrush(isDashed ? QBrush(fill, Qt::BDiagPattern) : QBrush(fill));
            bar->setData({ key }, { row.parts[part] });
            if (before != nullptr)
                bar->moveAbove(before);
            before = bar;
        }
        if (isStacked() || row.parts.empty() || !std::isfinite(row.parts.front()) || std::isnan(row.lower) || row.lower == row.upper)
            continue;
        keys << key;
        values << row.parts.front();
        below << row.parts.front() - row.lower;
        above << std::min(row.upper, farAway) - row.parts.front();
    }
    plot()->yAxis->setTicker(names);
    auto* points = new QCPGraph(plot()->yAxis, plot()->xAxis);
    points->setLineStyle(QCPGraph::lsNone);
    points->setData(keys, values, true);
    auto* whiskers = new QCPErrorBars(plot()->yAxis, plot()->xAxis);
    whiskers->setDataPlottable(points);
    whiskers->setErrorType(QCPErrorBars::etValueError);
    whiskers->setData(below, above);
    whiskers->setWhiskerWidth(6);
    whiskers->setSymbolGap(0);
    whiskers->setPen(QPen(theme().color(ColorRole::Text), 1));
    plot()->yAxis->setRange(-0.6, static_cast<double>(std::max<std::size_t>(m_rows.size(), 1)) - 0.4);
    drawTexts();
}

void RowBarTile::drawTexts()
{
    for (int i = plot()->itemCount() - 1; i >= 0; --i)
        if (plot()->item(i)->objectName() == kText)
            plot()->removeItem(plot()->item(i));
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        const BarRow& row = m_rows[i];
        if (row.text.isEmpty())
            continue;
        double end = 0.0;
        for (const double part : row.parts)
            end += std::isfinite(part) ? part : 0.0;
        if (!isStacked() && std::isfinite(row.upper))
            end = std::max(end, row.upper);
        auto* text = new QCPItemText(plot());
        text->setObjectName(kText);
        text->setPositionAlignment(Qt::AlignLeft | Qt::AlignVCenter);
        text->position->setCoords(end, static_cast<double>(i));
        text->setPadding(QMargins(5, 0, 2, 0));
        text->setText(row.text);
        text->setFont(theme().smallFont());
        text->setColor(theme().color(ColorRole::Text));
        if (std::isinf(row.upper))
            text->setBrush(theme().color(ColorRole::Plot)); // it stands on its whisker
    }
}

void RowBarTile::applyTheme()
{
    PlotTile::applyTheme();
    if (m_reference == nullptr)
        return;
    m_reference->setPen(QPen(theme().color(ColorRole::Secondary), 1, Qt::DashLine));
    plot()->yAxis->setTickLabelColor(theme().color(ColorRole::Text));
    setPercentTicks(plot()->xAxis, m_isPercent);
    plot()->xAxis->ticker()->setTickCount(kTicks);
    rebuild();
}

Range RowBarTile::fullX() const
{
    if (m_isPercent)
        return { 0.0, kWhole };
    Range range { 0.0, 0.0 };
    for (const BarRow& row : m_rows) {
        double end = 0.0;
        for (const double part : row.parts)
            end += std::isfinite(part) ? part : 0.0;
        range.include(end);
        if (std::isfinite(row.upper))
            range.include(row.upper);
    }
    if (m_referenceX)
        range.include(*m_referenceX);
    if (range.upper <= 0.0)
        range.upper = 1.0;
    range.upper *= kRoomForText;
    return range;
}

void RowBarTile::refreshData() { } // the bars are made when their rows are set

std::vector<LegendEntry> RowBarTile::legendAt(std::optional<double>) const
{
    std::vector<LegendEntry> entries;
    for (qsizetype part = 0; part < m_partNames.size(); ++part)
        entries.push_back({ m_partNames[part], {}, theme().series(static_cast<int>(part)), Qt::SolidLine, LegendShape::Square });
    if (m_referenceX)
        entries.push_back({ m_referenceName, {}, theme().color(ColorRole::Secondary), Qt::DashLine, LegendShape::Line });
    return entries;
}

void RowBarTile::mouseMovedOverPlot(QMouseEvent* event)
{
    const auto at = static_cast<std::ptrdiff_t>(std::lround(plot()->yAxis->pixelToCoord(event->position().y())));
    if (at < 0 || at >= std::ssize(m_rows)) {
        plot()->setToolTip({});
        return;
    }
    const BarRow& row = m_rows[static_cast<std::size_t>(at)];
    QStringList lines { row.name + (row.text.isEmpty() ? QString() : QStringLiteral(": ") + row.text) };
    for (qsizetype part = 0; part < m_partNames.size() && part < std::ssize(row.parts); ++part) {
        const double value = row.parts[static_cast<std::size_t>(part)];
        lines << QStringLiteral("%1: %2").arg(m_partNames[part], m_isPercent ? percent(value, 1) : number(value));
    }
    plot()->setToolTip(lines.join(QLatin1Char('\n')));
}

QStringList RowBarTile::csvHeader() const
{
    QStringList header { quoted(tr("row")) };
    if (isStacked())
        for (const QString& name : m_partNames)
            header << quoted(name);
    else
        header << quoted(plot()->xAxis->label()) << quoted(tr("lowest")) << quoted(tr("highest"));
    return header;
}

std::vector<std::vector<double>> RowBarTile::csvRows(double, double) const
{
    std::vector<std::vector<double>> rows;
    for (const BarRow& row : m_rows) {
        rows.push_back(row.parts);
        if (!isStacked())
            rows.back().insert(rows.back().end(), { row.lower, row.upper });
    }
    return rows;
}

// Rows have names, and never is a word.
QString RowBarTile::csv() const
{
    QString text = csvHeader().join(QLatin1Char(',')) + QLatin1Char('\n');
    const auto rows = csvRows(0.0, 0.0);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        QStringList cells { quoted(m_rows[i].name) };
        for (const double value : rows[i])
            cells << (std::isinf(value) ? tr("never") : std::isnan(value) ? QString() : fullPrecision(value));
        text += cells.join(QLatin1Char(',')) + QLatin1Char('\n');
    }
    return text;
}

} // namespace midpoint::gui
