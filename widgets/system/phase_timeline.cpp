// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/system/system_page.h"

#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"

#include <QHelpEvent>
#include <QPainter>
#include <QToolTip>

#include <algorithm>
#include <map>

namespace midpoint::gui {

namespace {
constexpr int kTallLane = 24;
constexpr int kFlatLane = 12;   // of many ranks: no words in the blocks
constexpr std::size_t kTallLanes = 8; // more ranks than that have flat lanes
constexpr int kLabelWidth = 56;
constexpr int kAxisHeight = 20;
} // namespace

PhaseTimeline::PhaseTimeline(const Theme& theme, QWidget* parent)
    : QWidget(parent)
    , m_theme(theme)
{
    setObjectName(QStringLiteral("phaseTimeline"));
    setAccessibleName(tr("Phases of the last steps, one lane per rank"));
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

QSize PhaseTimeline::sizeHint() const
{
    const int lanes = std::max(static_cast<int>(m_ranks.size()), 1);
    return { 600, lanes * laneHeight() + kAxisHeight + fontMetrics().height() + 12 };
}

QSize PhaseTimeline::minimumSizeHint() const { return { 300, sizeHint().height() }; }

int PhaseTimeline::laneHeight() const { return m_ranks.size() > kTallLanes ? kFlatLane : kTallLane; }

int PhaseTimeline::colorOf(const std::string& phase) const
{
    // The phases that take the time have the six hues, the same in every run; the others follow hatched.
    static const std::vector<std::string> known { "generate", "update", "select", "old log-probs", "grade", "wait" };
    const auto found = std::find(known.begin(), known.end(), phase);
    if (found != known.end())
        return static_cast<int>(found - known.begin());
    int color = Theme::kSeriesCount;
    for (const std::string& name : m_names) {
        if (name == phase)
            break;
        color += std::find(known.begin(), known.end(), name) == known.end() ? 1 : 0;
    }
    return color;
}

// After six hues the same ones follow hatched.
QBrush PhaseTimeline::brushOf(int phase, int alpha) const
{
    QColor color = m_theme.series(phase);
    color.setAlpha(alpha);
    return { color, phase < Theme::kSeriesCount ? Qt::SolidPattern : Qt::BDiagPattern };
}

void PhaseTimeline::setPhases(std::vector<store::PhaseTiming> phases)
{
    m_phases = std::move(phases);
    m_ranks.clear();
    for (const store::PhaseTiming& phase : m_phases) {
        if (std::find(m_names.begin(), m_names.end(), phase.phase) == m_names.end())
            m_names.push_back(phase.phase);
        if (std::find(m_ranks.begin(), m_ranks.end(), phase.rank) == m_ranks.end())
            m_ranks.push_back(phase.rank);
    }
    std::sort(m_ranks.begin(), m_ranks.end());
    updateGeometry();
    layoutBlocks();
    update();
}

void PhaseTimeline::resizeEvent(QResizeEvent*) { layoutBlocks(); }

void PhaseTimeline::layoutBlocks()
{
    m_blocks.clear();
    m_stepStarts.clear();
    std::map<std::int64_t, double> lengths; // seconds of each step: the longest rank decides
    for (const store::PhaseTiming& phase : m_phases)
        lengths[phase.step] = std::max(lengths[phase.step], phase.startSeconds + phase.seconds);
    std::map<std::int64_t, double> starts;
    m_totalSeconds = 0.0;
    for (const auto& [step, length] : lengths) {
        starts[step] = m_totalSeconds;
        m_totalSeconds += length;
    }
    if (m_totalSeconds <= 0.0)
        return;
    const double scale = static_cast<double>(width() - kLabelWidth - 8) / m_totalSeconds;
    for (const auto& [step, start] : starts)
        m_stepStarts.emplace_back(kLabelWidth + start * scale, step);
    const int top = fontMetrics().height() + 10;
    for (const store::PhaseTiming& phase : m_phases) {
        const auto lane = std::find(m_ranks.begin(), m_ranks.end(), phase.rank) - m_ranks.begin();
        const double x = kLabelWidth + (starts[phase.step] + phase.startSeconds) * scale;
        const double share = lengths[phase.step] > 0 ? phase.seconds / lengths[phase.step] : 0.0;
        m_blocks.push_back({ QRectF(x, top + static_cast<double>(lane) * laneHeight() + 1, std::max(phase.seconds * scale - 1.0, 0.5), laneHeight() - 2),
            colorOf(phase.phase),
            tr("step %1, rank %2: %3 took %4 (%5 of the step)").arg(phase.step).arg(phase.rank).arg(qs(phase.phase), duration(phase.seconds), percent(share)),
            qs(phase.phase) });
    }
}

void PhaseTimeline::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setFont(m_theme.smallFont());
    const QFontMetrics metrics(m_theme.smallFont());
    const QColor secondary = m_theme.color(ColorRole::Secondary);
    if (m_blocks.empty()) {
        painter.setPen(secondary);
        painter.drawText(rect(), Qt::AlignCenter, tr("No phases recorded yet."));
        return;
    }
    int x = kLabelWidth;
    for (std::size_t i = 0; i < m_names.size(); ++i) {
        painter.fillRect(x, 6, 10, 10, brushOf(colorOf(m_names[i]), 255));
        painter.setPen(secondary);
        painter.drawText(x + 14, 5 + metrics.ascent() - 1, qs(m_names[i]));
        x += 14 + metrics.horizontalAdvance(qs(m_names[i])) + 16;
    }
    const int top = fontMetrics().height() + 10;
    for (std::size_t lane = 0; lane < m_ranks.size(); ++lane) {
        if (laneHeight() < metrics.height() && lane % 2 == 1)
            continue; // every other name, where all would touch
        painter.setPen(secondary);
        painter.drawText(QRect(0, top + static_cast<int>(lane) * laneHeight(), kLabelWidth - 6, laneHeight()), Qt::TextDontClip | Qt::AlignRight | Qt::AlignVCenter, tr("rank %1").arg(m_ranks[lane]));
    }
    for (const Block& block : m_blocks) {
        painter.fillRect(block.place, brushOf(block.color, 170));
        if (metrics.height() <= laneHeight() && metrics.horizontalAdvance(block.label) + 8 < block.place.width()) {
            painter.setPen(m_theme.color(m_theme.isDark() ? ColorRole::Window : ColorRole::Text));
            painter.drawText(block.place, Qt::AlignCenter, block.label);
        }
    }
    const int bottom = top + static_cast<int>(m_ranks.size()) * laneHeight();
    for (std::size_t i = 0; i < m_stepStarts.size(); ++i) {
        const auto& [position, step] = m_stepStarts[i];
        painter.setPen(m_theme.color(ColorRole::Grid));
        painter.drawLine(QPointF(position - 0.5, top), QPointF(position - 0.5, bottom + 4));
        painter.setPen(secondary);
        const double next = i + 1 < m_stepStarts.size() ? m_stepStarts[i + 1].first : width();
        const QString text = tr("step %1").arg(step);
        if (metrics.horizontalAdvance(text) + 8 < next - position)
            painter.drawText(QPointF(position + 3, bottom + metrics.ascent() + 2), text);
    }
}

bool PhaseTimeline::event(QEvent* event)
{
    if (event->type() == QEvent::ToolTip) {
        const auto* help = static_cast<QHelpEvent*>(event);
        for (const Block& block : m_blocks)
            if (block.place.contains(help->pos())) {
                QToolTip::showText(help->globalPos(), block.tooltip, this);
                return true;
            }
        QToolTip::hideText();
        return true;
    }
    return QWidget::event(event);
}

} // namespace midpoint::gui
