// A separation bound for algebraic numbers: if the value of an expression is not 0, its magnitude is at least 2^-bits. So a
// ball that contains 0 and is smaller than that proves the value to be 0. After Burnikel, Fleischer, Mehlhorn and Schirra,
// "A strong and easily computable separation bound for arithmetic expressions involving radicals" (Algorithmica 27, 2000)
// with the division rule of their BFMSS bound (2001).
#pragma once

#include "backend/reward/math/bounds.h"
#include "backend/reward/math/expression.h"

#include <optional>

namespace midpoint::reward::math {

// Nothing if the expression is not built from rational numbers, i, roots, rational powers, and sines and cosines of rational
// multiples of pi.
std::optional<double> separationBits(const Expression& expression, const Bounds& bounds);

} // namespace midpoint::reward::math
