// SPDX-License-Identifier: GPL-3.0-or-later
// A graph whose points are already thinned to a few per pixel column. It draws them as separate lines in one call, and cuts
// dashes itself: Qt's stroker follows a dash pattern along every zigzag of noise, which takes fifty times as long as the curve.
#pragma once

#include "widgets/plot/qcustomplot_keywords.h"

namespace midpoint::gui {

class DecimatedGraph : public QCPGraph { // owned by the plot of its axes
public:
    DecimatedGraph(QCPAxis* keyAxis, QCPAxis* valueAxis);

protected:
    void drawLinePlot(QCPPainter* painter, const QVector<QPointF>& lines) const override;
};

} // namespace midpoint::gui
