// SPDX-License-Identifier: GPL-3.0-or-later
// An icon drawn from an SVG in a colour of the theme, at the size and mode that is asked for and not before: a window has many
// icons, and most are never seen at most sizes.
#pragma once

#include <QColor>
#include <QIconEngine>

#include <map>
#include <tuple>

namespace midpoint::gui {

class ThemedIcon : public QIconEngine {
public:
    ThemedIcon(QByteArray svg, const QColor& normal, const QColor& disabled); // svg: with currentColor where the colour goes
    void paint(QPainter* painter, const QRect& place, QIcon::Mode mode, QIcon::State state) override;
    QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override; // size: in pixels of the device
    QIconEngine* clone() const override;

private:
    QByteArray m_svg;
    QColor m_normal;
    QColor m_disabled;
    std::map<std::tuple<int, int, bool>, QPixmap> m_drawn; // width, height, disabled
};

} // namespace midpoint::gui
