// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/common/value_strip.h"

#include <QHelpEvent>
#include <QPainter>
#include <QToolTip>

#include <algorithm>

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
    m_values = std::move(values);
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

void ValueStrip::paintEvent(QPaintEvent*)
{
    if (m_values.empty())
        return;
    QPainter painter(this);
    const double width = static_cast<double>(this->width()) / static_cast<double>(m_values.size());
    const QFontMetrics small(m_theme.smallFont());
    for (std::size_t i = 0; i < m_values.size(); ++i) {
        const KeyValue& value = m_values[i];
        const QRect place(static_cast<int>(width * static_cast<double>(i)) + kPadding, kPadding, static_cast<int>(width) - 2 * kPadding, height() - 2 * kPadding);
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
        const auto index = static_cast<std::size_t>(std::max(help->pos().x(), 0)) * m_values.size() / static_cast<std::size_t>(std::max(width(), 1));
        const KeyValue& value = m_values[std::min(index, m_values.size() - 1)];
        QToolTip::showText(help->globalPos(), QStringLiteral("<b>%1</b> %2<br>%3<br>%4").arg(value.name, value.value, value.context, value.tooltip), this);
        return true;
    }
    return QWidget::event(event);
}

} // namespace midpoint::gui
