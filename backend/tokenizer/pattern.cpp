#include "backend/tokenizer/pattern.h"

#include "backend/core/error.h"

#include <utility>

namespace midpoint::tokenizer {

Pattern::Pattern(std::string literal)
    : m_literal(std::move(literal))
{
}

Pattern::Pattern(Regex regex)
    : m_regex(std::move(regex))
{
}

std::vector<Span> Pattern::matches(std::string_view validText) const
{
    if (m_regex)
        return m_regex->matches(validText);
    std::vector<Span> found;
    if (m_literal.empty())
        return found;
    for (std::size_t at = validText.find(m_literal); at != std::string_view::npos;
         at = validText.find(m_literal, at + m_literal.size()))
        found.push_back({ at, at + m_literal.size() });
    return found;
}

std::string Pattern::replaceAll(std::string_view validText, std::string_view replacement) const
{
    std::string out;
    std::size_t done = 0;
    for (const Span& match : matches(validText)) {
        out += validText.substr(done, match.begin - done);
        out += replacement;
        done = match.end;
    }
    out += validText.substr(done);
    return out;
}

Pattern makePattern(const JsonPart& part)
{
    if (part.isString()) // files of early versions
        return Pattern(part.asText());
    if (const auto literal = part.find("String"))
        return Pattern(literal->asText());
    const JsonPart regex = part.at("Regex");
    try {
        return Pattern(Regex(regex.asText()));
    } catch (const Error& error) {
        regex.fail(error.what());
    }
}

} // namespace midpoint::tokenizer
