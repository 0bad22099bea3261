// Numbers written out in English: "one thousand two hundred fifty", "two thirds", "one and a half", "minus seven".
#pragma once

#include "backend/reward/math/rational.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace midpoint::reward::math {

struct NumberPhrase {
    Rational value;
    std::size_t words = 0; // how many of the words it takes, from the first one on
};

// The longest number that the words begin with. Nothing for ordinals: "fifth" is a place in a row.
std::optional<NumberPhrase> readNumberPhrase(std::span<const std::string> lowerCaseWords);

// Words at blanks and hyphens, in lower case.
std::vector<std::string> wordsOf(std::string_view text);

} // namespace midpoint::reward::math
