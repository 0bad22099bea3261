// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers as the window shows them: three or four significant digits, "-" for missing, "NaN" for not a number.
#pragma once

#include <QString>

#include <filesystem>
#include <optional>
#include <string>

namespace midpoint::gui {

inline QString qs(const std::string& text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }
inline QString qs(const std::filesystem::path& path) { return qs(path.string()); }

QString number(double value);                          // 0.7123, 12.35, 1.23e-06
QString number(std::optional<double> value);           // "-" if there is none
QString compact(double value);                         // 8.1k, 2.3M
QString percent(double share, int digits = 0);         // "22 %"
QString rate(std::optional<double> share);        // always three decimals, for columns of shares; "-" if missing
QString fullPrecision(double value);                   // reads back as the same number: tooltips and copies
QString duration(double seconds);
QString bytes(double count);
QString ago(double seconds);                           // "2 s ago", "3 h 12 m ago"
// A value with its unit; shares (unit "%" in the catalogue) are stored as 0..1.
QString withUnit(double value, const std::string& unit);

} // namespace midpoint::gui
