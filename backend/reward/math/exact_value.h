// The value of an expression if it is a rational number that arithmetic alone finds.
#pragma once

#include "backend/reward/math/bounds.h"
#include "backend/reward/math/expression.h"

#include <optional>

namespace midpoint::reward::math {

// Nothing if the value is irrational, unknown or undefined. Throws BeyondBounds.
std::optional<Rational> exactValue(const Expression& expression, const Bounds& bounds);

// A small integer, or nothing. Never throws.
std::optional<long> smallInteger(const Expression& expression, long largest);

// The value of digits in a base, negative bases included; nothing if a digit does not belong to the base.
std::optional<Rational> basedValue(const Expression& based);

} // namespace midpoint::reward::math
