// The words that the reader knows: units that are dropped, number words, names of functions.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace midpoint::reward::math {

bool isUnit(std::string_view word);                         // "cm", "hours", "dollars", ...; case-sensitive where it matters
std::optional<long> numberWord(std::string_view lowerCase); // "seven" -> 7, "hundred" is none
std::optional<int> scaleWord(std::string_view lowerCase);    // "million" -> 6, the power of ten
std::string canonicalPhrase(std::string_view lowerCase);     // "there are no solutions" -> "no solution"; others stay
bool isKnownPhrase(std::string_view lowerCase);              // has a canonical form
bool qualifiesWhatFollows(std::span<const std::string> lowerCaseWords);  // "at least" 5, "not" 5: another answer than 5
bool qualifiesWhatPrecedes(std::span<const std::string> lowerCaseWords); // 5 "or more"
bool isHedge(std::string_view lowerCase);                    // "about" 5, "exactly" 5: the number counts
bool isCurrency(std::string_view word);                     // before a number: "USD", "Rs"
bool isGreekName(std::string_view name);                   // names of symbols: "alpha", "ell", "star"
bool isFunctionName(std::string_view name);                 // "sin", "arctan", "ln", ...
std::string_view canonicalFunction(std::string_view name);  // "arcsin" -> "asin", "lg" stays

} // namespace midpoint::reward::math
