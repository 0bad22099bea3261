// When a decimal stands for a number that it is not exactly equal to.
#pragma once

#include "backend/reward/math/bounds.h"
#include "backend/reward/math/expression.h"

namespace midpoint::reward::math {

// The name of the rule that makes the response right, or nullptr:
// - "rounded reference": the reference is a decimal of at least three significant digits, the response a number without a
//   finite decimal expansion (1/3, 2 sqrt 7) that rounds to it (0.333, 5.292).
// - "six decimals": the response is a decimal with at least six decimals that the reference rounds to (1/3 and 0.333333).
const char* roundingRule(const Expression& reference, const Expression& response, const Bounds& bounds);

// Is `decimal` written with a decimal point, and does `value` round to it? However few digits it has.
bool isRounded(const Expression& value, const Expression& decimal, const Bounds& bounds);

} // namespace midpoint::reward::math
