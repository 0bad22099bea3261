// Equality of constants in the fields of Calcium: algebraic numbers together with pi, e, logarithms and exponentials.
#pragma once

#include "backend/reward/math/bounds.h"
#include "backend/reward/math/expression.h"
#include "backend/reward/math/rational_function.h"

namespace midpoint::reward::math {

// Both answers are proofs; Unknown if Calcium cannot decide or the expressions exceed the bounds.
Identity compareInCalcium(const Expression& a, const Expression& b, const Bounds& bounds);

} // namespace midpoint::reward::math
