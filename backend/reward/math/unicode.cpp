#include "backend/reward/math/tokens.h"

#include <algorithm>
#include <array>
#include <utility>

namespace midpoint::reward::math {

namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr auto kUnicode = std::to_array<Pair>({ { "−", "-" }, { "–", "-" }, { "—", "-" }, { "‐", "-" }, { "×", "\\times " },
    { "·", "\\cdot " }, { "⋅", "\\cdot " }, { "∙", "\\cdot " }, { "•", "\\cdot " }, { "∗", "*" }, { "÷", "/" }, { "∕", "/" },
    { "⁄", "/" }, { "√", "\\sqrt " }, { "∛", "\\cbrt " }, { "π", "\\pi " }, { "∞", "\\infty " }, { "≤", "\\le " },
    { "≥", "\\ge " }, { "≠", "\\ne " }, { "≡", "\\equiv " }, { "≈", "\\approx " }, { "∪", "\\cup " }, { "∩", "\\cap " }, { "∈", "\\in " },
    { "∉", "\\notin " }, { "°", "^\\circ " }, { "±", "\\pm " }, { "∓", "\\mp " }, { "⁰", "^{0}" }, { "¹", "^{1}" },
    { "²", "^{2}" }, { "³", "^{3}" }, { "⁴", "^{4}" }, { "⁵", "^{5}" }, { "⁶", "^{6}" }, { "⁷", "^{7}" }, { "⁸", "^{8}" },
    { "⁹", "^{9}" }, { "ⁿ", "^{n}" }, { "⁻", "^{-}" }, { "⁺", "^{+}" }, { "₀", "_{0}" }, { "₁", "_{1}" }, { "₂", "_{2}" }, { "₃", "_{3}" }, { "₄", "_{4}" },
    { "₅", "_{5}" }, { "₆", "_{6}" }, { "₇", "_{7}" }, { "₈", "_{8}" }, { "₉", "_{9}" }, { "½", "\\frac{1}{2}" },
    { "¼", "\\frac{1}{4}" }, { "¾", "\\frac{3}{4}" }, { "⅓", "\\frac{1}{3}" }, { "⅔", "\\frac{2}{3}" },
    { "⅛", "\\frac{1}{8}" }, { "⅜", "\\frac{3}{8}" }, { "⅝", "\\frac{5}{8}" }, { "⅞", "\\frac{7}{8}" },
    { "⅕", "\\frac{1}{5}" }, { "⅙", "\\frac{1}{6}" }, { "α", "\\alpha " }, { "β", "\\beta " }, { "γ", "\\gamma " },
    { "δ", "\\delta " }, { "θ", "\\theta " }, { "λ", "\\lambda " }, { "μ", "\\mu " }, { "µ", "\\mu " }, { "σ", "\\sigma " },
    { "φ", "\\phi " }, { "ω", "\\omega " }, { "ρ", "\\rho " }, { "Δ", "\\Delta " }, { "∅", "\\emptyset " },
    { "ℝ", "\\mathbb{R}" }, { "ℕ", "\\mathbb{N}" }, { "ℤ", "\\mathbb{Z}" }, { "ℚ", "\\mathbb{Q}" }, { "ℂ", "\\mathbb{C}" },
    { "∖", "\\setminus " }, { "′", "'" }, { "″", "''" }, { "’", "'" }, { "‘", "'" }, { "…", "\\ldots " }, { "€", "" }, { "£", "" },
    { "¥", "" }, { "￥", "" }, { "₹", "" }, { "₩", "" }, { "₽", "" }, { "¢", "" }, { "＄", "" }, { "℃", "^\\circ C" }, { "℉", "^\\circ F" },
    { "＋", "+" }, { "－", "-" }, { "＝", "=" }, { "／", "/" }, { "０", "0" }, { "１", "1" }, { "２", "2" }, { "３", "3" }, { "４", "4" },
    { "５", "5" }, { "６", "6" }, { "７", "7" }, { "８", "8" }, { "９", "9" }, { "，", "," }, { "；", ";" }, { "：", ":" }, { "（", "(" }, { "）", ")" }, { "。", "." }, { "％", "%" },
    { "\xC2\xA0", " " }, { "\xE2\x80\x89", " " }, { "\xE2\x80\xAF", " " }, { "\xE2\x80\x8B", "" }, { "⌊", "\\lfloor " },
    { "⌋", "\\rfloor " }, { "⌈", "\\lceil " }, { "⌉", "\\rceil " }, { "∠", "\\angle " }, { "△", "\\triangle " } });

} // namespace

std::string asciiMathematics(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    std::size_t raisedEnd = 0; // of `out`, after a raised or lowered character
    char raisedSign = ' ';
    for (std::size_t i = 0; i < text.size();) {
        if (static_cast<unsigned char>(text[i]) < 0x80) {
            out += text[i++];
            continue;
        }
        const auto found = std::find_if(kUnicode.begin(), kUnicode.end(),
            [&](const Pair& pair) { return text.substr(i).starts_with(pair.first); });
        if (found == kUnicode.end()) {
            out += text[i++];
            continue;
        }
        i += found->first.size();
        std::string_view ascii = found->second;
        const bool isRaised = ascii.starts_with("^{") || ascii.starts_with("_{");
        if (isRaised && raisedEnd == out.size() && raisedEnd > 0 && raisedSign == ascii.front()) { // ¹⁰ is ^{10}
            out.pop_back();
            ascii.remove_prefix(2);
        }
        out += ascii;
        raisedEnd = isRaised ? out.size() : 0;
        raisedSign = isRaised ? found->second.front() : ' ';
    }
    return out;
}

} // namespace midpoint::reward::math
