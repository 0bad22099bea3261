// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/common/value_strip.h"

#include <QHelpEvent>
#include <QPainter>
#include <QToolTip>

#include <algorithm>
#include <numeric>

namespace midpoint::gui {

namespace {
constexpr int kPadding = 6;
}

ValueStrip::ValueStrip(const Theme& theme, const QString& name, QWidget* parent)
    : QWidget(parent)
    , m_theme(theme)
{
    setObjectName(name);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

void ValueStrip::setValues(std::vector<KeyValue> values)
{
    if (values == m_values)
        return;
    const bool areOthers = values.size() != m_values.size() || !std::equal(values.begin(), values.end(), m_values.begin(), [](const KeyValue& a, const KeyValue& b) { return a.name == b.name; });
    if (areOthers)
        m_needs.clear();
    m_values = std::move(values);
    growNeeds();
    QStringList words;
    for (const KeyValue& value : m_values)
        words << QStringLiteral("%1: %2 %3").arg(value.name, value.value, value.context).trimmed();
    setAccessibleName(words.join(QStringLiteral("; ")));
    updateGeometry();
    update();
}

QFont ValueStrip::valueFont() const
{
    QFont font = m_theme.headingFont();
    font.setPointSizeF(font.pointSizeF() - 1.0);
    return font;
}

QSize ValueStrip::sizeHint() const
{
    const QFontMetrics small(m_theme.smallFont());
    return { 600, 2 * kPadding + 2 * small.height() + QFontMetrics(valueFont()).height() };
}

QSize ValueStrip::minimumSizeHint() const { return { 300, sizeHint().height() }; }

// What each value has needed so far: places do not wobble with the digits.
void ValueStrip::growNeeds()
{
    const QFontMetrics small(m_theme.smallFont());
    const QFontMetrics large(valueFont());
    m_needs.resize(m_values.size(), 0.0);
    for (std::size_t i = 0; i < m_values.size(); ++i) {
        const KeyValue& value = m_values[i];
        const int widest = std::max({ small.horizontalAdvance(value.name), small.horizontalAdvance(value.context), large.horizontalAdvance(value.value) });
        m_needs[i] = std::max(m_needs[i], static_cast<double>(widest + 2 * kPadding + 2));
    }
}

// Where each value begins, and where the last one ends. Values take what they need and share the rest; where there is too little
// for all, each gives up the same share.
std::vector<double> ValueStrip::edges() const
{
    const double sum = std::accumulate(m_needs.begin(), m_needs.end(), 0.0);
    const double spare = (static_cast<double>(width()) - sum) / static_cast<double>(std::max<std::size_t>(m_needs.size(), 1));
    std::vector<double> edges { 0.0 };
    for (const double need : m_needs)
        edges.push_back(edges.back() + (spare >= 0.0 ? need + spare : need * static_cast<double>(width()) / sum));
    return edges;
}

void ValueStrip::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    const std::vector<double> edges = this->edges();
    const QFontMetrics small(m_theme.smallFont());
    for (std::size_t i = 0; i < m_values.size(); ++i) {
        const KeyValue& value = m_values[i];
        const QRect place(static_cast<int>(edges[i]) + kPadding, kPadding, static_cast<int>(edges[i + 1] - edges[i]) - 2 * kPadding, height() - 2 * kPadding);
        painter.setFont(m_theme.smallFont());
        painter.setPen(m_theme.color(ColorRole::Secondary));
        painter.drawText(place, Qt::AlignTop | Qt::AlignLeft, small.elidedText(value.name, Qt::ElideRight, place.width()));
        QFont font = valueFont();
        while (font.pointSizeF() > 7 && QFontMetrics(font).horizontalAdvance(value.value) > place.width())
            font.setPointSizeF(font.pointSizeF() - 1.0);
        painter.setFont(font);
        painter.setPen(m_theme.color(value.role));
        painter.drawText(place.adjusted(0, small.height(), 0, -small.height()), Qt::AlignVCenter | Qt::AlignLeft, value.value);
        painter.setFont(m_theme.smallFont());
        painter.setPen(m_theme.color(value.role == ColorRole::Text ? ColorRole::Secondary : value.role));
        painter.drawText(place, Qt::AlignBottom | Qt::AlignLeft, small.elidedText(value.context, Qt::ElideRight, place.width()));
        if (i > 0) {
            painter.setPen(m_theme.color(ColorRole::Grid));
            painter.drawLine(place.left() - kPadding, kPadding, place.left() - kPadding, height() - kPadding);
        }
    }
}

bool ValueStrip::event(QEvent* event)
{
    if (event->type() == QEvent::ToolTip && !m_values.empty()) {
        const auto* help = static_cast<QHelpEvent*>(event);
        const std::vector<double> edges = this->edges();
        const auto after = std::upper_bound(edges.begin() + 1, edges.end() - 1, static_cast<double>(help->pos().x()));
        const KeyValue& value = m_values[static_cast<std::size_t>(after - edges.begin()) - 1];
        QToolTip::showText(help->globalPos(), QStringLiteral("<b>%1</b> %2<br>%3<br>%4").arg(value.name.toHtmlEscaped(), value.value.toHtmlEscaped(), value.context.toHtmlEscaped(), value.tooltip.toHtmlEscaped()), this);
        return true;
    }
    return QWidget::event(event);
}

} // namespace midpoint::gui
