// General solutions: "x = k\pi, k \in \mathbb{Z}" and "\{2k+1 \mid k \in \mathbb{Z}\}". The letter that runs through the whole
// numbers is the writer's choice.
#pragma once

#include "backend/reward/math/expression.h"

namespace midpoint::reward::math {

// Gives the parameters of both answers one name if they run through the same set. Where one answer alone says what its parameter
// runs through, that is left out.
void renameParameters(Expression& a, Expression& b);

} // namespace midpoint::reward::math
