#include "backend/reward/math_normal_form.h"

#include "backend/core/text.h"

#include <algorithm>

namespace midpoint::reward {

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

void replaceAll(std::string& text, std::string_view from, std::string_view to)
{
    std::string out;
    std::size_t start = 0;
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, start)) {
        out.append(text, start, at - start);
        out += to;
        start = at + from.size();
    }
    if (start == 0)
        return;
    out.append(text, start);
    text = std::move(out);
}

// \sqrt3 -> \sqrt{3}; \sqrt{...} and \sqrt[3]{...} stay.
void braceRoots(std::string& text)
{
    constexpr std::string_view kRoot = "\\sqrt";
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t next = i + kRoot.size();
        if (!text.compare(i, kRoot.size(), kRoot) && next < text.size() && (isDigit(text[next]) || isLetter(text[next]))) {
            out += kRoot;
            out += '{';
            out += text[next];
            out += '}';
            i = next + 1;
        } else {
            out += text[i++];
        }
    }
    text = std::move(out);
}

// \frac12 -> \frac{1}{2}, \frac1{72} -> \frac{1}{72}.
void braceFractions(std::string& text)
{
    constexpr std::string_view kFraction = "\\frac";
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t next = i + kFraction.size();
        const bool isBare = !text.compare(i, kFraction.size(), kFraction) && next + 1 < text.size()
            && text[next] != '{' && !isLetter(text[next]);
        if (!isBare) {
            out += text[i++];
            continue;
        }
        out += kFraction;
        out += { '{', text[next], '}' };
        i = next + 1;
        if (text[i] != '{') {
            out += { '{', text[i], '}' };
            ++i;
        }
    }
    text = std::move(out);
}

bool isInteger(std::string_view text)
{
    if (text.starts_with('-'))
        text.remove_prefix(1);
    return !text.empty() && std::all_of(text.begin(), text.end(), isDigit);
}

void slashToFraction(std::string& text)
{
    const std::size_t slash = text.find('/');
    if (slash == std::string::npos || text.find('/', slash + 1) != std::string::npos)
        return;
    const std::string above = text.substr(0, slash);
    const std::string below = text.substr(slash + 1);
    if (isInteger(above) && isInteger(below))
        text = "\\frac{" + above + "}{" + below + "}";
}

// All blanks but those between digits: "1 2" is not 12.
void dropBlanks(std::string& text)
{
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool isSeparator = text[i] == ' ' && !out.empty() && isDigit(out.back()) && i + 1 < text.size() && isDigit(text[i + 1]);
        if (text[i] != ' ' || isSeparator)
            out += text[i];
    }
    text = std::move(out);
}

void dropShortLeftSide(std::string& text)
{
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || text.find('=', equals + 1) != std::string::npos)
        return;
    if (trim(std::string_view(text).substr(0, equals)).size() <= 2)
        text.erase(0, equals + 1);
}

} // namespace

std::string mathNormalForm(std::string_view answer)
{
    std::string text(trim(answer));
    for (const std::string_view dropped : { std::string_view("\n"), std::string_view("\r"), std::string_view("\\!") })
        replaceAll(text, dropped, "");
    replaceAll(text, "\\\\", "\\");
    replaceAll(text, "tfrac", "frac");
    replaceAll(text, "dfrac", "frac");
    replaceAll(text, "\\dots", "\\ldots");
    replaceAll(text, "\\cdots", "\\ldots");
    for (const std::string_view dropped : { std::string_view("\\left"), std::string_view("\\right"),
             std::string_view("^{\\circ}"), std::string_view("^\\circ"), std::string_view("\\$") })
        replaceAll(text, dropped, "");
    if (const std::size_t unit = text.find("\\text{ "); unit != std::string::npos && unit > 0)
        text.erase(unit);
    replaceAll(text, "\\%", "");
    replaceAll(text, "%", "");
    replaceAll(text, " .", " 0.");
    replaceAll(text, "{.", "{0.");
    if (text.starts_with('.'))
        text.insert(0, "0");
    dropShortLeftSide(text);
    braceRoots(text);
    dropBlanks(text);
    braceFractions(text);
    if (text == "0.5")
        text = "\\frac{1}{2}";
    slashToFraction(text);
    return text;
}

} // namespace midpoint::reward
