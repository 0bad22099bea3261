#include "backend/reward/math/reader.h"

#include "backend/core/text.h"
#include "backend/reward/math/number_words.h"
#include "backend/reward/math/parser.h"
#include "backend/reward/math/words.h"

#include <algorithm>

namespace midpoint::reward::math {

namespace {

bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

// The content of "command{...}" if that is all of the text.
bool unwrapCommand(std::string_view& text, std::string_view command)
{
    if (!text.starts_with(command) || !text.ends_with('}'))
        return false;
    std::size_t open = command.size();
    while (open < text.size() && text[open] == ' ')
        ++open;
    if (open >= text.size() || text[open] != '{')
        return false;
    int depth = 0;
    for (std::size_t i = open; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
            continue;
        }
        depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
        if (depth == 0 && i + 1 < text.size())
            return false;
    }
    if (depth != 0)
        return false;
    text = trim(text.substr(open + 1, text.size() - open - 2));
    return true;
}

bool unwrapPair(std::string_view& text, std::string_view open, std::string_view close)
{
    if (text.size() < open.size() + close.size() || !text.starts_with(open) || !text.ends_with(close))
        return false;
    const std::string_view inner = text.substr(open.size(), text.size() - open.size() - close.size());
    if (inner.find(open) != std::string_view::npos)
        return false;
    text = trim(inner);
    return true;
}

// Removes what only surrounds an answer: formula signs, boxes, \text{} around everything, the full stop.
std::string_view peel(std::string_view text)
{
    for (int round = 0; round < 16; ++round) {
        text = trim(text);
        const std::size_t before = text.size();
        while (!text.empty() && !text.ends_with("...") && std::string_view(".,;:?").find(text.back()) != std::string_view::npos)
            text = trim(text.substr(0, text.size() - 1));
        unwrapPair(text, "**", "**");
        unwrapPair(text, "`", "`");
        unwrapPair(text, "$$", "$$") || unwrapPair(text, "$", "$") || unwrapPair(text, "\\(", "\\)")
            || unwrapPair(text, "\\[", "\\]");
        for (const std::string_view command : { "\\boxed", "\\fbox", "\\text", "\\textbf", "\\textit", "\\mathrm", "\\mathbf",
                 "\\mbox", "\\textrm", "\\bold", "\\mathit", "\\displaystyle" })
            if (unwrapCommand(text, command))
                break;
        if (text.size() == before)
            break;
    }
    return text;
}

// Letters with little else: an answer in words.
bool isProse(std::string_view text)
{
    std::size_t letters = 0;
    for (const char c : text) {
        if (isLetter(c) || static_cast<unsigned char>(c) >= 0x80)
            ++letters;
        else if (!isDigit(c) && std::string_view(" \t\n,.-'\"():;!?/").find(c) == std::string_view::npos)
            return false;
    }
    return letters >= 3 && letters * 2 >= text.size();
}

Expression proseOf(std::string_view text)
{
    std::string words;
    for (const char c : text) {
        const bool isKept = isLetter(c) || isDigit(c) || static_cast<unsigned char>(c) >= 0x80;
        if (isKept)
            words += c;
        else if (!words.empty() && words.back() != ' ')
            words += ' ';
    }
    const std::string phrase = canonicalPhrase(toLower(trim(words)));
    if (phrase == "all real numbers")
        return Expression(Kind::NamedSet, "R");
    return phrase == "empty set" ? Expression(Kind::NamedSet, "") : Expression(Kind::Text, phrase);
}

// "The ellipse", "a circle"; "a half" and "the two" are numbers.
bool isNamedThing(std::string_view text)
{
    const std::vector<std::string> words = wordsOf(text);
    const bool hasArticle = words.size() > 1 && words[1].size() >= 3 && words[1] != "and" && (words[0] == "the" || words[0] == "a" || words[0] == "an");
    return hasArticle && std::all_of(text.begin(), text.end(), [](char c) { return isLetter(c) || c == ' '; }) && !readNumberPhrase(words)
        && !readNumberPhrase(std::span(words).subspan(1));
}

// "2\\sqrt{3}" with its backslash doubled by some export; in a matrix "\\" ends a row.
std::string singleBackslashes(std::string_view text)
{
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool isDoubled = text.substr(i).starts_with("\\\\") && i + 2 < text.size() && isLetter(text[i + 2]);
        if (!isDoubled)
            out += text[i];
    }
    return out;
}

} // namespace

Expression readAnswer(std::string_view answer, const TokenOptions& options, const ReadLimits& limits)
{
    if (answer.size() > limits.maxCharacters)
        throw Unreadable("longer than " + std::to_string(limits.maxCharacters) + " characters");
    const std::string ascii = asciiMathematics(answer);
    std::string text(peel(ascii));
    if (text.find("\\begin") == std::string::npos && text.find("\\\\") != std::string::npos)
        text = singleBackslashes(text);
    if (text.empty())
        throw Unreadable("nothing");
    const bool isInWords = isProse(text);
    if (isInWords) {
        Expression prose = proseOf(text);
        if (prose.kind == Kind::NamedSet || isKnownPhrase(prose.text) || isNamedThing(text))
            return prose;
    }
    try {
        return Parser(tokenise(text, options), limits).parseAll();
    } catch (const Unreadable&) {
        if (isInWords)
            return proseOf(text);
        throw;
    }
}

} // namespace midpoint::reward::math
