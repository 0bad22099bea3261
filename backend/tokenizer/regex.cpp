#define PCRE2_CODE_UNIT_WIDTH 8
#include "backend/tokenizer/regex.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/core/unicode.h"

#include <pcre2.h>

#include <algorithm>
#include <array>
#include <limits>

namespace midpoint::tokenizer {
namespace {

// Bodies of sets: what Oniguruma means by \s and \w (PCRE2 counts U+180E as a space, and no marks as parts of words).
constexpr std::string_view kSpaceSet = "\\x{9}-\\x{d}\\x{85}\\p{Z}";
constexpr std::string_view kWordSet = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";
constexpr std::string_view kHexSet = "0-9A-Fa-f";

// Reads the pattern once from left to right and writes the translation.
class Translator {
public:
    explicit Translator(std::string_view pattern)
        : m_pattern(pattern)
    {
    }

    std::string translate()
    {
        while (m_position < m_pattern.size()) {
            const char c = m_pattern[m_position];
            if (c == '\\' && m_position + 1 < m_pattern.size())
                escape();
            else if (m_isInSet)
                insideSet(c);
            else
                outsideSet(c);
        }
        return m_out;
    }

private:
    [[noreturn]] void refuse(std::string_view what) const
    {
        throw Error(ErrorKind::Model, concat("regular expression '", m_pattern, "': ", what, " at character ", m_position,
            " cannot be translated; write the expression without it"));
    }

    void copy(std::size_t count)
    {
        m_out += m_pattern.substr(m_position, count);
        m_position += count;
    }

    void writeSet(std::string_view body, bool isNegated)
    {
        if (m_isInSet && isNegated)
            refuse("a negated class inside a set");
        m_out += m_isInSet ? concat(body) : concat(isNegated ? "[^" : "[", body, ']');
        m_position += 2;
    }

    void escape()
    {
        const char kind = m_pattern[m_position + 1];
        switch (kind) {
        case 's': return writeSet(kSpaceSet, false);
        case 'w': return writeSet(kWordSet, false);
        case 'h': return writeSet(kHexSet, false);
        case 'W': return writeSet(kWordSet, true);
        case 'H': return writeSet(kHexSet, true);
        case 'S':
            // Inside a set PCRE2's own \S stays: it differs in U+180E alone.
            return m_isInSet ? copy(2) : writeSet(kSpaceSet, true);
        case 'u':
            if (m_position + 6 > m_pattern.size())
                refuse("an incomplete \\u escape");
            m_out += concat("\\x{", m_pattern.substr(m_position + 2, 4), '}');
            m_position += 6;
            return;
        case 'p':
        case 'P':
        case 'x': return copy(lengthWithBraces());
        default: return copy(1 + characterLength(kind));
        }
    }

    // Of \p{..} or \x{..}, whose braces are no quantifier.
    std::size_t lengthWithBraces() const
    {
        if (m_position + 2 >= m_pattern.size() || m_pattern[m_position + 2] != '{')
            return 2;
        const std::size_t close = m_pattern.find('}', m_position);
        return close == std::string_view::npos ? 2 : close - m_position + 1;
    }

    void insideSet(char c)
    {
        if (c == '&' && m_pattern.substr(m_position, 2) == "&&")
            refuse("an intersection of sets (&&)");
        if (c == '[') {
            if (m_pattern.substr(m_position, 2) != "[:")
                refuse("a set within a set");
            const std::size_t close = m_pattern.find(":]", m_position);
            if (close == std::string_view::npos)
                refuse("an unclosed [: :]");
            return copy(close + 2 - m_position);
        }
        m_isInSet = c != ']';
        copy(1);
    }

    void outsideSet(char c)
    {
        // In Ruby's syntax {n,m}+ repeats the interval; in PCRE2 it is possessive.
        if (c == '}' && m_position + 1 < m_pattern.size() && m_pattern[m_position + 1] == '+')
            refuse("'}+'");
        if (c == '[') {
            m_isInSet = true;
            copy(m_pattern.substr(m_position, 2) == "[^" ? 2 : 1);
            if (m_position < m_pattern.size() && m_pattern[m_position] == ']')
                copy(1); // a first ] stands for itself
            return;
        }
        copy(1);
    }

    std::string_view m_pattern;
    std::size_t m_position = 0;
    bool m_isInSet = false;
    std::string m_out;
};

std::string pcreMessage(int code)
{
    std::array<PCRE2_UCHAR, 256> message {};
    pcre2_get_error_message(code, message.data(), message.size());
    return reinterpret_cast<const char*>(message.data());
}

PCRE2_SPTR asPcre(std::string_view text)
{
    return reinterpret_cast<PCRE2_SPTR>(text.data() == nullptr ? "" : text.data());
}

} // namespace

std::string translateFromOniguruma(std::string_view pattern) { return Translator(pattern).translate(); }

struct Regex::Compiled {
    std::string pattern;
    std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code { nullptr, &pcre2_code_free };
    std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> limits { nullptr, &pcre2_match_context_free };
};

Regex::Regex(std::string_view onigurumaPattern)
{
    auto compiled = std::make_shared<Compiled>();
    compiled->pattern = std::string(onigurumaPattern);
    const std::string pattern = translateFromOniguruma(onigurumaPattern);
    int error = 0;
    PCRE2_SIZE offset = 0;
    // Ruby's ^ and $ match at every line.
    compiled->code.reset(pcre2_compile(asPcre(pattern), pattern.size(), PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset,
        nullptr));
    if (!compiled->code)
        throw Error(ErrorKind::Model, concat("regular expression '", onigurumaPattern, "' does not compile: ", pcreMessage(error),
            " at character ", offset, " of '", pattern, "'"));
    pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE); // without it the interpreter serves
    compiled->limits.reset(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(compiled->limits.get(), std::numeric_limits<std::uint32_t>::max());
    pcre2_set_depth_limit(compiled->limits.get(), std::numeric_limits<std::uint32_t>::max());
    pcre2_set_heap_limit(compiled->limits.get(), std::numeric_limits<std::uint32_t>::max());
    m_compiled = std::move(compiled);
}

std::vector<Span> Regex::matches(std::string_view validText) const
{
    const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
        pcre2_match_data_create_from_pattern(m_compiled->code.get(), nullptr), &pcre2_match_data_free);
    std::vector<Span> found;
    for (std::size_t start = 0; start <= validText.size();) {
        const auto attempt = [&](std::uint32_t options) {
            return pcre2_match(m_compiled->code.get(), asPcre(validText), validText.size(), start, options | PCRE2_NO_UTF_CHECK,
                data.get(), m_compiled->limits.get());
        };
        int result = attempt(0);
        if (result == PCRE2_ERROR_JIT_STACKLIMIT)
            result = attempt(PCRE2_NO_JIT); // the interpreter keeps its backtracking points on the heap
        if (result == PCRE2_ERROR_NOMATCH)
            break;
        if (result < 0)
            throw Error(ErrorKind::Model, concat("regular expression '", m_compiled->pattern, "' failed on a text of ",
                validText.size(), " bytes: ", pcreMessage(result)));
        const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data.get());
        found.push_back({ bounds[0], bounds[1] });
        start = bounds[1];
        if (bounds[0] == bounds[1])
            start += start < validText.size() ? characterLength(validText[start]) : 1;
    }
    return found;
}

} // namespace midpoint::tokenizer
