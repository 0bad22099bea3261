#include "backend/reward/extraction.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <array>
#include <utility>

namespace midpoint::reward {

namespace {

constexpr std::size_t kNone = std::string_view::npos;
constexpr std::array kSteps = { ExtractionStep::Boxed, ExtractionStep::Hashes, ExtractionStep::AnswerPhrase,
    ExtractionStep::Dollars, ExtractionStep::LastNumber };

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The position after the brace that closes the one at `open`, or npos. Escaped braces do not count.
std::size_t closingBrace(std::string_view text, std::size_t open)
{
    int depth = 0;
    for (std::size_t i = open; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else if (text[i] == '{') {
            ++depth;
        } else if (text[i] == '}' && --depth == 0) {
            return i;
        }
    }
    return kNone;
}

// "\boxed{7}", "\boxed 7" and "\boxed {7}".
std::optional<std::string_view> boxContent(std::string_view text, std::size_t afterCommand)
{
    std::size_t i = afterCommand;
    while (i < text.size() && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t'))
        ++i;
    if (i >= text.size())
        return std::nullopt;
    if (text[i] == '{') {
        const std::size_t close = closingBrace(text, i);
        if (close == kNone)
            return std::nullopt;
        return trim(text.substr(i + 1, close - i - 1));
    }
    if (i == afterCommand && isLetter(text[i])) // another command, \boxedsomething
        return std::nullopt;
    const std::size_t end = text.find_first_of("$ \n", i);
    return trim(text.substr(i, end == kNone ? kNone : end - i));
}

// Looks from the end backwards for a box that is closed and not empty. A failed try costs one pass over the rest, so the
// number of tries is bounded: hostile input ("\\boxed{\\boxed{...") stays linear.
std::optional<std::string_view> lastBox(std::string_view text)
{
    constexpr int kTries = 64;
    std::size_t at = text.rfind("box");
    for (int tries = 0; at != kNone && tries < kTries;) {
        const std::string_view before = text.substr(0, at);
        const bool isBoxed = before.ends_with('\\') && text.substr(at).starts_with("boxed");
        if (isBoxed || before.ends_with("\\f")) {
            const auto content = boxContent(text, at + (isBoxed ? 5 : 3));
            if (content && !content->empty())
                return content;
            ++tries;
        }
        at = at == 0 ? kNone : text.rfind("box", at - 1);
    }
    return std::nullopt;
}

std::string_view firstLine(std::string_view text) { return trim(text.substr(0, text.find('\n'))); }

// Words and signs behind which a statement gives reasons: "5, since 2 + 3 = 5", "5</answer>".
bool startsReason(std::string_view text)
{
    constexpr std::array<std::string_view, 9> kReasons
        = { " because ", " since ", ", as ", ", so ", ", which ", " where ", " when ", "</", ", because " };
    return std::any_of(kReasons.begin(), kReasons.end(), [&](std::string_view reason) { return text.starts_with(reason); });
}

// Ends of the statement "the answer is ...": the first sentence end outside of mathematics and brackets.
std::string_view statement(std::string_view text)
{
    int depth = 0;
    bool inDollars = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '$' && (i == 0 || text[i - 1] != '\\')) {
            inDollars = !inDollars;
        } else if (c == '{' || c == '(' || c == '[') {
            ++depth;
        } else if (c == '}' || c == ')' || c == ']') {
            --depth;
        } else if (c == '\n' || (!inDollars && depth <= 0 && startsReason(text.substr(i)))) {
            return text.substr(0, i);
        } else if ((c == '.' || c == ';') && !inDollars && depth <= 0) {
            const bool atEnd = i + 1 == text.size() || text[i + 1] == ' ' || text[i + 1] == '\n' || text[i + 1] == '\r';
            if (atEnd)
                return text.substr(0, i);
        }
    }
    return text;
}

std::string_view withoutLead(std::string_view text)
{
    constexpr std::string_view kLead = " \t\r:*=_";
    text.remove_prefix(std::min(text.size(), std::min(text.find_first_not_of(kLead), text.size())));
    return text;
}

bool joinsFormulas(std::string_view between)
{
    between = trim(between);
    return between == "and" || between == "or" || between == "," || between == ", and" || between == ", or";
}

// The first formula of a statement, and with it those that "and", "or" and commas join to it: "$x = 1$ and $x = 2$".
std::optional<std::string_view> firstMathematics(std::string_view text)
{
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kSigns
        = { { { "$$", "$$" }, { "$", "$" }, { "\\(", "\\)" }, { "\\[", "\\]" } } };
    std::size_t start = kNone;
    std::size_t end = 0;  // of the formula
    std::size_t after = 0; // behind its closing sign
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto sign = std::find_if(kSigns.begin(), kSigns.end(), [&](const auto& pair) { return text.substr(i).starts_with(pair.first); });
        if (sign == kSigns.end()) {
            i += text[i] == '\\' ? 1 : 0;
            continue;
        }
        const std::size_t open = i + sign->first.size();
        const std::size_t close = text.find(sign->second, open);
        if (close == kNone || (start != kNone && !joinsFormulas(text.substr(after, i - after))))
            break;
        if (!trim(text.substr(open, close - open)).empty()) {
            start = start == kNone ? open : start;
            end = close;
            after = close + sign->second.size();
        }
        i = close + sign->second.size() - 1;
    }
    return start == kNone ? std::nullopt : std::optional(trim(text.substr(start, end - start)));
}

std::optional<std::string_view> afterPhrase(std::string_view text)
{
    const std::string lower = toLower(text);
    constexpr std::array<std::string_view, 8> kPhrases
        = { "answer is", "answer:", "answer =", "answer**:", "answer:**", "<answer>", "option is", "choice is" };
    std::size_t best = kNone;
    std::size_t length = 0;
    for (const std::string_view phrase : kPhrases) {
        const std::size_t at = lower.rfind(phrase);
        if (at != kNone && (best == kNone || at + phrase.size() > best + length)) {
            best = at;
            length = phrase.size();
        }
    }
    if (best == kNone)
        return std::nullopt;
    std::string_view rest = withoutLead(text.substr(best + length));
    if (const std::size_t start = rest.find_first_not_of(" \t\r\n"); start != kNone)
        rest.remove_prefix(start);
    std::string_view found = trim(statement(rest));
    if (const auto inner = firstMathematics(found)) // "the answer is $x = 3$ metres"
        return inner;
    while (!found.empty() && (found.back() == '*' || found.back() == '.' || found.back() == ','))
        found = trim(found.substr(0, found.size() - 1));
    return found.empty() ? std::nullopt : std::optional(found);
}

std::optional<std::string_view> afterHashes(std::string_view text)
{
    const std::size_t at = text.rfind("####");
    if (at == kNone)
        return std::nullopt;
    std::string_view rest = text.substr(at + 4);
    const std::size_t start = rest.find_first_not_of(" \t\r\n#");
    if (start == kNone)
        return std::nullopt;
    const std::string_view line = firstLine(rest.substr(start));
    if (const auto stated = afterPhrase(line)) // "#### The answer is 5"
        return stated;
    return line.empty() ? std::nullopt : std::optional(line);
}

// The content of the last closed pair `open` ... `close`, or nothing.
std::optional<std::string_view> lastPair(std::string_view text, std::string_view open, std::string_view close,
    std::size_t& position)
{
    const std::size_t end = text.rfind(close);
    if (end == kNone || end == 0)
        return std::nullopt;
    const std::size_t start = text.rfind(open, end - 1);
    if (start == kNone || start + open.size() > end)
        return std::nullopt;
    const std::string_view inner = trim(text.substr(start + open.size(), end - start - open.size()));
    if (inner.empty())
        return std::nullopt;
    position = end;
    return inner;
}

// $...$ and $$...$$; a dollar sign before a digit that never closes is money, and "\$" is a character.
std::optional<std::string_view> lastDollars(std::string_view text, std::size_t& position)
{
    std::optional<std::string_view> last;
    std::size_t open = kNone;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
            continue;
        }
        if (text[i] != '$')
            continue;
        const std::size_t width = i + 1 < text.size() && text[i + 1] == '$' ? 2 : 1;
        if (open == kNone) {
            open = i + width;
        } else {
            if (const std::string_view inner = trim(text.substr(open, i - open)); !inner.empty()) {
                last = inner;
                position = i;
            }
            open = kNone;
        }
        i += width - 1;
    }
    return last;
}

std::optional<std::string_view> lastMathematics(std::string_view text)
{
    std::size_t best = 0;
    std::optional<std::string_view> found;
    const auto consider = [&](std::optional<std::string_view> candidate, std::size_t position) {
        if (candidate && (!found || position > best)) {
            best = position;
            found = candidate;
        }
    };
    std::size_t position = 0;
    consider(lastDollars(text, position), position);
    consider(lastPair(text, "\\(", "\\)", position), position);
    consider(lastPair(text, "\\[", "\\]", position), position);
    return found;
}

// Digits with thousands separators, one decimal point or a simple fraction, read backwards from `end`: where they begin.
std::size_t numberStart(std::string_view text, std::size_t end)
{
    const auto isPart = [&](std::size_t i) {
        if (isDigit(text[i]))
            return true;
        const bool between = i > 0 && i + 1 < end && isDigit(text[i - 1]) && isDigit(text[i + 1]);
        return (between && (text[i] == ',' || text[i] == '/' || text[i] == '.'))
            || (text[i] == '.' && i + 1 < end && isDigit(text[i + 1]) && (i == 0 || !isLetter(text[i - 1])));
    };
    std::size_t start = end;
    while (start > 0 && isPart(start - 1))
        --start;
    return start;
}

// If the number that begins at `start` is the exponent of 1.5e-3, 3 \times 10^8 or 3 x 10^{-8}: where that begins; else `start`.
std::size_t scientificStart(std::string_view text, std::size_t start)
{
    std::string_view before = text.substr(0, start);
    const auto drop = [&before](std::string_view ending) {
        const bool isThere = before.ends_with(ending);
        before.remove_suffix(isThere ? ending.size() : 0);
        return isThere;
    };
    drop("-") || drop("+");
    bool isExponent = drop("e") || drop("E");
    if (!isExponent) {
        drop("{");
        if (drop("10^")) {
            before = before.substr(0, before.find_last_not_of(' ') + 1);
            isExponent = drop("\\times") || drop("\\cdot") || drop("×") || drop("·") || drop("*") || drop(" x");
            before = before.substr(0, before.find_last_not_of(' ') + 1);
        }
    }
    return isExponent && !before.empty() && isDigit(before.back()) ? numberStart(text, before.size()) : start;
}

// If the number that begins at `start` stands in the braces of \frac{1}{2}, 2\frac{1}{2} or 3\sqrt{2}: where that begins; else `start`.
std::size_t commandStart(std::string_view text, std::size_t start)
{
    std::string_view before = text.substr(0, start);
    if (!before.ends_with('{'))
        return start;
    before.remove_suffix(1);
    if (before.ends_with('}')) {
        const std::size_t open = before.rfind('{');
        if (open == kNone || before.substr(open + 1, before.size() - open - 2).find_first_not_of("-0123456789.") != kNone)
            return start;
        before = before.substr(0, open);
    }
    for (const std::string_view command : { "\\frac", "\\dfrac", "\\tfrac", "\\sqrt" })
        if (before.ends_with(command))
            return numberStart(text, before.size() - command.size());
    return start;
}

// The last number: digits with sign, thousands separators, one decimal point, percent sign, as a fraction or with an exponent.
std::optional<std::string_view> lastNumber(std::string_view text)
{
    std::size_t end = text.size();
    while (end > 0 && !isDigit(text[end - 1]))
        --end;
    if (end == 0)
        return std::nullopt;
    const std::size_t digits = numberStart(text, end);
    std::size_t start = scientificStart(text, digits);
    if (start == digits && text.substr(end).starts_with('}'))
        start = commandStart(text, digits);
    if (start != digits && text.substr(end).starts_with('}'))
        ++end;
    if (start > 0 && text[start - 1] == '-' && (start == 1 || !isDigit(text[start - 2])))
        --start;
    if (end < text.size() && text[end] == '%')
        ++end;
    else if (text.substr(end).starts_with("\\%"))
        end += 2;
    return text.substr(start, end - start);
}

// What a model writes behind its thoughts; all of it if it writes nothing there.
std::string_view afterThinking(std::string_view text)
{
    constexpr std::string_view kEnd = "</think>";
    const std::size_t at = text.rfind(kEnd);
    if (at == kNone)
        return text;
    const std::string_view rest = text.substr(at + kEnd.size());
    return trim(rest).empty() ? text : rest;
}

} // namespace

const char* nameOf(ExtractionStep step)
{
    switch (step) {
    case ExtractionStep::Boxed:
        return "boxed";
    case ExtractionStep::Hashes:
        return "hashes";
    case ExtractionStep::AnswerPhrase:
        return "answer-phrase";
    case ExtractionStep::Dollars:
        return "dollars";
    case ExtractionStep::LastNumber:
        return "last-number";
    }
    return "unknown";
}

bool ExtractionOptions::isOn(ExtractionStep step) const
{
    switch (step) {
    case ExtractionStep::Boxed:
        return boxed;
    case ExtractionStep::Hashes:
        return hashes;
    case ExtractionStep::AnswerPhrase:
        return answerPhrase;
    case ExtractionStep::Dollars:
        return dollars;
    case ExtractionStep::LastNumber:
        return lastNumber;
    }
    return false;
}

ExtractionOptions ExtractionOptions::forTruncated() const
{
    ExtractionOptions stated = *this;
    stated.answerPhrase = false; // may be cut in its middle
    stated.dollars = false;
    stated.lastNumber = false;
    return stated;
}

ExtractionOptions extractionOptions(std::span<const std::string> names)
{
    ExtractionOptions options { false, false, false, false, false };
    for (const std::string& name : names) {
        if (name == "boxed")
            options.boxed = true;
        else if (name == "hashes")
            options.hashes = true;
        else if (name == "answer-phrase")
            options.answerPhrase = true;
        else if (name == "dollars")
            options.dollars = true;
        else if (name == "last-number")
            options.lastNumber = true;
        else
            throw Error(ErrorKind::Config,
                concat("reward.extraction: expected boxed, hashes, answer-phrase, dollars or last-number, found '", name,
                    "'"));
    }
    return options;
}

std::optional<Extraction> extractAnswer(std::string_view response, const ExtractionOptions& options)
{
    for (const ExtractionStep step : kSteps) {
        if (!options.isOn(step))
            continue;
        std::optional<std::string_view> found;
        switch (step) {
        case ExtractionStep::Boxed:
            found = lastBox(response);
            break;
        case ExtractionStep::Hashes:
            found = afterHashes(response);
            break;
        case ExtractionStep::AnswerPhrase:
            found = afterPhrase(afterThinking(response));
            break;
        case ExtractionStep::Dollars:
            found = lastMathematics(afterThinking(response));
            break;
        case ExtractionStep::LastNumber:
            found = lastNumber(afterThinking(response));
            break;
        }
        if (found)
            return Extraction { *found, step };
    }
    return std::nullopt;
}

} // namespace midpoint::reward
