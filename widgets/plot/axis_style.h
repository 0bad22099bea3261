// SPDX-License-Identifier: GPL-3.0-or-later
// How axes and event markers look; used by the .cpp files of this folder only.
#pragma once

#include <QString>

class QCPAxis;
class QCustomPlot;

namespace midpoint::gui {

class Theme;
struct PlotMarker;
struct Range;

void styleAxis(QCPAxis* axis, const Theme& theme);
void setScale(QCPAxis* axis, bool logarithmic);
void setWholeTicks(QCPAxis* axis, bool on); // of a linear axis: 1 is the smallest step
void setFixedRange(QCPAxis* axis, const Range& range); // a hair wider, so that the tick at its end is labelled
void addMarkerItems(QCustomPlot* plot, const PlotMarker& marker, const Theme& theme, const QString& name);

} // namespace midpoint::gui
