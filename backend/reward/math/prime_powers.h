// Numbers too large to write down, as products of powers of primes: 10^{10^{10}} and 2^{10^{10}} 5^{10^{10}}.
#pragma once

#include "backend/reward/math/bounds.h"
#include "backend/reward/math/expression.h"

#include <optional>

namespace midpoint::reward::math {

// Whether two positive numbers are equal, if both are made of whole numbers by multiplication, division, roots and powers with
// rational exponents; nothing otherwise. Primes are multiplicatively independent, so equal numbers have equal exponents: a proof.
std::optional<bool> isSameProductOfPowers(const Expression& a, const Expression& b, const Bounds& bounds);

} // namespace midpoint::reward::math
