// Writes out what stands for a longer expression: finite sums and products, determinants, multiples, sums and transposes of
// matrices, cis and conjugates. Deciding equality knows only what is left.
#pragma once

#include "backend/reward/math/bounds.h"
#include "backend/reward/math/expression.h"

namespace midpoint::reward::math {

// Throws BeyondBounds if it would become too long. What cannot be written out stays as it is.
Expression unfold(const Expression& expression, const Bounds& bounds);

} // namespace midpoint::reward::math
