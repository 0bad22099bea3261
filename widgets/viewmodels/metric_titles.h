// SPDX-License-Identifier: GPL-3.0-or-later
// How a metric is called on a screen: words and unit from the catalogue, the name that files and other tools use beside them.
#pragma once

#include <QString>

#include <string>

namespace midpoint::gui {

QString metricTitle(const std::string& name); // "Held-out accuracy  ·  val-core/heldout-a/acc/mean@2"
QString metricAxis(const std::string& name);  // "Response length (tokens)"; the name itself for an unknown metric
QString metricHelp(const std::string& name);  // what it says and its names elsewhere; empty for an unknown metric

} // namespace midpoint::gui
