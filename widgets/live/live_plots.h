// SPDX-License-Identifier: GPL-3.0-or-later
// Which curves the Live screen shows at first, in reading order.
#pragma once

#include <QString>

#include <string>
#include <utility>
#include <vector>

namespace midpoint::gui {

struct LivePlotSpec {
    QString name;
    QString title;
    QString yTitle;
    QString unit;
    std::vector<std::pair<std::string, QString>> metrics; // "*": every held-out accuracy
    bool hasPoints = false;
    bool isStacked = false;
    bool isShare = false; // 0..1
    std::string bandLow = {}; // metrics around the first one; may be empty
    std::string bandHigh = {};
    QString bandName = {};
};

std::vector<LivePlotSpec> livePlots();

} // namespace midpoint::gui
