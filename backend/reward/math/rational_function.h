// Exact comparison of two expressions as rational functions over the rational numbers. What is not built by arithmetic
// (roots, pi, functions, symbolic powers) counts as one more variable.
#pragma once

#include "backend/reward/math/bounds.h"
#include "backend/reward/math/expression.h"

namespace midpoint::reward::math {

enum class Identity { Equal, Different, Unknown };

// Equal is always a proof. Different is one too: it is given only if all variables are free symbols. Unknown otherwise and
// beyond the bounds.
Identity compareRationalFunctions(const Expression& a, const Expression& b, const Bounds& bounds);

} // namespace midpoint::reward::math
