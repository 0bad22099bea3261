// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plot/axis_style.h"

#include "widgets/plot/plot_tile.h"
#include "widgets/theme/theme.h"

#include "widgets/plot/qcustomplot_keywords.h"

#include <algorithm>
#include <cmath>

namespace midpoint::gui {

namespace {

// Large counts as 8.1k instead of 8.1e3: ticks of steps, tokens and rollouts.
// Whole steps have whole ticks: 2 or 5, never 2.5.
class CompactTicker : public QCPAxisTicker {
public:
    void setWhole(bool on) { m_isWhole = on; }
    void setPercent(bool on) { m_isPercent = on; }

protected:
    double getTickStep(const QCPRange& range) override
    {
        const double step = m_isWhole ? std::max(QCPAxisTicker::getTickStep(range), 1.0) : QCPAxisTicker::getTickStep(range);
        const double power = std::pow(10.0, std::floor(std::log10(step) + 1e-9));
        const double mantissa = step / power;
        return std::abs(mantissa - 2.5) < 1e-6 ? 2.0 * power : step;
    }
    QString getTickLabel(double tick, const QLocale& locale, QChar format, int precision) override
    {
        const double size = std::abs(tick);
        if (size < 1e-12)
            return QStringLiteral("0");
        if (m_isPercent)
            return QString::number(tick * 100.0, 'g', 4) + QStringLiteral(" %");
        if (size >= 1e9)
            return QString::number(tick / 1e9, 'g', 4) + QLatin1Char('G');
        if (size >= 1e6)
            return QString::number(tick / 1e6, 'g', 4) + QLatin1Char('M');
        if (size >= 1e4)
            return QString::number(tick / 1e3, 'g', 4) + QLatin1Char('k');
        if (size >= 1e-3)
            return QString::number(tick, 'g', 5);
        return QCPAxisTicker::getTickLabel(tick, locale, format, precision);
    }

private:
    bool m_isWhole = false;   // no tick between two counts
    bool m_isPercent = false; // of values that are shares
};

QColor colorOf(MarkerKind kind, const Theme& theme)
{
    switch (kind) {
    case MarkerKind::Warning: return theme.color(ColorRole::Warning);
    case MarkerKind::Alert: return theme.color(ColorRole::Alert);
    case MarkerKind::Evaluation: return theme.color(ColorRole::Accent);
    default: return theme.color(ColorRole::Secondary);
    }
}

QString signOf(MarkerKind kind)
{
    switch (kind) {
    case MarkerKind::Checkpoint: return QStringLiteral("▲");
    case MarkerKind::Evaluation: return QStringLiteral("○");
    case MarkerKind::Warning: return QStringLiteral("!");
    case MarkerKind::Alert: return QStringLiteral("✕");
    case MarkerKind::Resume: return QStringLiteral("↻");
    }
    return {};
}

} // namespace

void styleAxis(QCPAxis* axis, const Theme& theme)
{
    const QColor secondary = theme.color(ColorRole::Secondary);
    const QPen line(theme.color(ColorRole::Grid), 1);
    axis->setBasePen(line);
    axis->setTickPen(line);
    axis->setSubTickPen(Qt::NoPen);
    axis->setSubTicks(false);
    axis->setTickLabelColor(secondary);
    axis->setTickLabelFont(theme.smallFont());
    axis->setLabelColor(secondary);
    axis->setLabelFont(theme.smallFont());
    axis->setLabelPadding(2);
    axis->setTickLabelPadding(3);
    axis->setTickLengthIn(0);
    axis->setTickLengthOut(3);
    QPen grid(theme.color(ColorRole::Grid), 1);
    axis->grid()->setPen(grid);
    axis->grid()->setZeroLinePen(grid);
    if (axis->scaleType() == QCPAxis::stLinear && axis->ticker().dynamicCast<CompactTicker>().isNull()
        && axis->ticker().dynamicCast<QCPAxisTickerText>().isNull()) {
        auto ticker = QSharedPointer<CompactTicker>::create();
        ticker->setTickCount(axis->orientation() == Qt::Horizontal ? 6 : 5);
        axis->setTicker(ticker);
    }
}

void setScale(QCPAxis* axis, bool logarithmic)
{
    axis->setScaleType(logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    if (logarithmic) {
        axis->setTicker(QSharedPointer<QCPAxisTickerLog>::create());
        axis->setNumberFormat(QStringLiteral("gb"));
        axis->setNumberPrecision(2);
    } else {
        auto ticker = QSharedPointer<CompactTicker>::create();
        ticker->setTickCount(axis->orientation() == Qt::Horizontal ? 6 : 5);
        axis->setTicker(ticker);
    }
}

void setWholeTicks(QCPAxis* axis, bool on)
{
    if (const auto ticker = axis->ticker().dynamicCast<CompactTicker>())
        ticker->setWhole(on);
}

void setPercentTicks(QCPAxis* axis, bool on)
{
    if (const auto ticker = axis->ticker().dynamicCast<CompactTicker>())
        ticker->setPercent(on);
}

// A low plot shows the first words of its title rather than a piece of all: what stands in parentheses is left out.
void fitTitle(QCPAxis* yAxis, const QString& title, int height)
{
    const QFontMetrics metrics(yAxis->labelFont());
    const int room = height - 3 * metrics.height(); // below it stand ticks and title of the x axis
    const qsizetype remark = title.indexOf(QStringLiteral(" ("));
    const QString words = metrics.horizontalAdvance(title) > room && remark > 0 ? title.left(remark) : title;
    const QString fitting = metrics.elidedText(words, Qt::ElideRight, std::max(room, 0));
    if (yAxis->label() != fitting)
        yAxis->setLabel(fitting);
}

void setFixedRange(QCPAxis* axis, const Range& range)
{
    const double hair = (range.upper - range.lower) * 1e-6;
    axis->setRange(range.lower, range.upper + hair);
}

void addMarkerItems(QCustomPlot* plot, const PlotMarker& marker, const Theme& theme, const QString& name, MarkerLines lines)
{
    const QColor color = colorOf(marker.kind, theme);
    const bool isCommon = marker.kind == MarkerKind::Checkpoint || marker.kind == MarkerKind::Evaluation
        || (marker.kind == MarkerKind::Warning && lines == MarkerLines::Grave);
    if (!isCommon) {
        auto* line = new QCPItemLine(plot);
        line->setObjectName(name);
        line->start->setTypeY(QCPItemPosition::ptAxisRectRatio);
        line->end->setTypeY(QCPItemPosition::ptAxisRectRatio);
        line->start->setCoords(marker.x, 0.0);
        line->end->setCoords(marker.x, 1.0);
        line->setPen(QPen(color, 1, marker.kind == MarkerKind::Resume ? Qt::DashDotLine : Qt::DotLine));
    }
    auto* text = new QCPItemText(plot);
    text->setObjectName(name);
    text->setClipToAxisRect(true);
    text->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
    text->position->setCoords(marker.x, 1.0);
    text->setPositionAlignment(Qt::AlignHCenter | Qt::AlignBottom);
    text->setText(signOf(marker.kind));
    text->setFont(theme.smallFont());
    text->setColor(color);
    if (!isCommon)
        text->setBrush(theme.color(ColorRole::Plot)); // the sign stands on its line
}

} // namespace midpoint::gui
