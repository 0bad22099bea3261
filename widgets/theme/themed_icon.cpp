// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/theme/themed_icon.h"

#include <QPainter>
#include <QSvgRenderer>

namespace midpoint::gui {

ThemedIcon::ThemedIcon(QByteArray svg, const QColor& normal, const QColor& disabled)
    : m_svg(std::move(svg))
    , m_normal(normal)
    , m_disabled(disabled)
{
}

void ThemedIcon::paint(QPainter* painter, const QRect& place, QIcon::Mode mode, QIcon::State state)
{
    const double scale = painter->device() == nullptr ? 1.0 : painter->device()->devicePixelRatioF();
    QPixmap drawn = pixmap((QSizeF(place.size()) * scale).toSize(), mode, state);
    drawn.setDevicePixelRatio(scale);
    painter->drawPixmap(place.topLeft(), drawn);
}

QPixmap ThemedIcon::pixmap(const QSize& size, QIcon::Mode mode, QIcon::State)
{
    const bool isDisabled = mode == QIcon::Disabled;
    QPixmap& drawn = m_drawn[{ size.width(), size.height(), isDisabled }];
    if (drawn.isNull() && !size.isEmpty()) {
        QByteArray svg = m_svg;
        svg.replace("currentColor", (isDisabled ? m_disabled : m_normal).name().toLatin1());
        drawn = QPixmap(size);
        drawn.fill(Qt::transparent);
        QPainter painter(&drawn);
        QSvgRenderer(svg).render(&painter);
    }
    return drawn;
}

QIconEngine* ThemedIcon::clone() const { return new ThemedIcon(*this); }

} // namespace midpoint::gui
