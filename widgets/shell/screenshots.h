// SPDX-License-Identifier: GPL-3.0-or-later
// Renders every screen of a run to PNG files, light and dark, without a display.
#pragma once

#include <filesystem>

namespace midpoint::gui {

class MainWindow;
class Theme;

// Writes <screen>-<light|dark>@<scale>x.png; returns the number of files. Throws midpoint::Error if one cannot be written.
int renderScreens(MainWindow& window, Theme& theme, const std::filesystem::path& target, const std::filesystem::path& run);

} // namespace midpoint::gui
