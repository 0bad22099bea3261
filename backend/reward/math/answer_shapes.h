// What an answer looks like: does it name a value, which alternatives does it give, what does it hold.
#pragma once

#include "backend/reward/math/expression.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace midpoint::reward::math {

bool hasKind(const Expression& e, Kind kind); // anywhere inside
Expression withoutPercent(const Expression& e);

// One of the two values of an expression with plus-minus signs: all of them switch together.
Expression alternative(const Expression& e, bool isUpper);
// All values if every sign switches for itself; the first two of `alternative` alone if there are more than three signs.
std::vector<Expression> independentAlternatives(const Expression& e);

bool isName(const Expression& e);                  // x, a_1, f(x), AB, "area"
const Expression* namedValue(const Expression& e); // the value of "x = 5", "S = 1/2 = 0.5" or "1 + 2 = 3"
std::vector<const Expression*> statedValues(const Expression& e); // all values of "S = 1/3 \approx 0.33", without names
bool isPoint(const Expression& e);                 // P(3, 4): a point with its name
Expression turned(Expression relation);            // x > y > z as z < y < x

bool isFunctionAndItsValue(const Expression& a, const Expression& b); // f(x) and y, which name the same
bool areOfDifferentVariables(const Expression& a, const Expression& b); // x > 3 and y > 3; the variable of {x | x > 3} is its own
std::optional<Expression> matrixOfLists(const Expression& e); // [[1, 2], [3, 4]] as programs write it

void collectNames(const Expression& e, std::set<std::string>& names);
Expression substituted(const Expression& e, const std::set<std::string>& names); // a fixed number for each of them

} // namespace midpoint::reward::math
