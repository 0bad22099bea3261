// Graders that compare texts or plain numbers: exact match after a marker, numbers with a tolerance, multiple choice, and a
// regular expression. Mathematics is in math_grader.h.
#pragma once

#include "backend/reward/extraction.h"
#include "backend/reward/grader.h"

namespace midpoint::reward {

// What follows the last `marker` (the whole response if empty) equals the reference, white space normalised.
std::unique_ptr<Grader> makeExactGrader(std::string marker);

// The extracted number x and the reference r agree: |x - r| <= tolerance * max(1, |r|).
std::unique_ptr<Grader> makeNumericGrader(double tolerance, ExtractionOptions extraction);

// A letter A..Z, as "B", "(B)", "B.", "B) 12", "\text{B}"; the reference is such a letter too.
std::unique_ptr<Grader> makeChoiceGrader(ExtractionOptions extraction);

// The last match of a PCRE2 pattern in the response (its first group if it has one) equals the reference, white space
// normalised. Throws Error{Config} with the place if the pattern does not compile.
std::unique_ptr<Grader> makeRegexGrader(const std::string& pattern);

std::string normaliseSpaces(std::string_view text); // trimmed, runs of white space become one blank

} // namespace midpoint::reward
