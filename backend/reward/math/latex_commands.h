// LaTeX commands that the tokeniser takes away: layout, and text or fonts around what counts.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace midpoint::reward::math {

inline constexpr auto kLayout = std::to_array<std::string_view>({ "left", "right", "middle", "big", "Big", "bigg", "Bigg", "bigl",
    "bigr", "Bigl", "Bigr", "biggl", "biggr", "displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "quad",
    "qquad", "enspace", "thinspace", "medspace", "thickspace", "negthinspace", "hfill", "strut", "mathstrut", "smash", "rm", "bf", "it", "tt", "sf", "cal", "label", "nonumber", "par", "noindent",
    "centering", "space", "allowbreak", "nobreak", "relax", "ensuremath", "boxed", "fbox" });
// Commands whose argument is not part of the answer either.
inline constexpr auto kLayoutWithArgument = std::to_array<std::string_view>({ "hspace", "vspace", "phantom", "vphantom", "hphantom", "tag",
    "label", "color", "textcolor" });
inline constexpr auto kTextCommands = std::to_array<std::string_view>({ "text", "textbf", "textit", "textrm", "textsf", "texttt",
    "textnormal", "textup", "mbox", "hbox", "mathrm", "mathbf", "mathsf", "mathit", "mathtt", "mathnormal", "operatorname",
    "boldsymbol", "bm", "emph", "underline" });
// Of these, the ones that change the look of mathematics: "\boldsymbol{\frac12}".
inline constexpr auto kMathematicalLook = std::to_array<std::string_view>({ "mathbf", "mathsf", "mathit", "mathtt", "mathnormal",
    "boldsymbol", "bm", "underline" });
// Units of one letter, when they stand upright after a number: "5\,\mathrm{m}".
inline constexpr std::string_view kUnitLetters = "mgshLNJWVKA";

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view name)
{
    return std::find(list.begin(), list.end(), name) != list.end();
}

} // namespace midpoint::reward::math
