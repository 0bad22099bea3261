// What an answer looks like: does it name a value, which alternatives does it give, what does it hold.
#pragma once

#include "backend/reward/math/expression.h"

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
bool isPoint(const Expression& e);                 // P(3, 4): a point with its name
Expression turned(Expression relation);            // x > y > z as z < y < x

void collectNames(const Expression& e, std::set<std::string>& names);
Expression substituted(const Expression& e, const std::set<std::string>& names); // a fixed number for each of them

} // namespace midpoint::reward::math
