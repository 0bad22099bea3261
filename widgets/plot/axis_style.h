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
void setPercentTicks(QCPAxis* axis, bool on); // of a linear axis over shares: 0.02 is labelled 2 %
void fitTitle(QCPAxis* yAxis, const QString& title, int height); // of the whole plot, in pixels
void setFixedRange(QCPAxis* axis, const Range& range); // a hair wider, so that the tick at its end is labelled
// Grave: a line across the plot for errors and resumes alone; where warnings are many, their lines would hide the curves.
enum class MarkerLines { All, Grave };
void addMarkerItems(QCustomPlot* plot, const PlotMarker& marker, const Theme& theme, const QString& name, MarkerLines lines);

} // namespace midpoint::gui
