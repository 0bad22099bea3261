// What a tokenizer.json searches for: {"String": ...} or {"Regex": ...}.
#pragma once

#include "backend/tokenizer/json_part.h"
#include "backend/tokenizer/regex.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::tokenizer {

class Pattern {
public:
    explicit Pattern(std::string literal);
    explicit Pattern(Regex regex);
    std::vector<Span> matches(std::string_view validText) const; // from left to right, without overlap
    std::string replaceAll(std::string_view validText, std::string_view replacement) const;

private:
    std::string m_literal;
    std::optional<Regex> m_regex;
};

Pattern makePattern(const JsonPart& part);

} // namespace midpoint::tokenizer
