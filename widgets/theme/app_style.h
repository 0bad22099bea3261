// SPDX-License-Identifier: GPL-3.0-or-later
// Fusion with outlines that can be seen: its own are darker than the window, which in a dark theme is next to nothing.
#pragma once

#include <QProxyStyle>

namespace midpoint::gui {

class AppStyle : public QProxyStyle {
    Q_OBJECT
public:
    AppStyle();
    int pixelMetric(PixelMetric metric, const QStyleOption* option = nullptr, const QWidget* widget = nullptr) const override;
    void drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter, const QWidget* widget) const override;
};

} // namespace midpoint::gui
