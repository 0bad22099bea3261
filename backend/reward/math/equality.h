// Decides whether a response is equal to a reference, structures by their parts and scalars by scalar_equality.h. The rules
// for percent, ratio, rounding, units and lists are written down with examples in GRADING.md.
#pragma once

#include "backend/reward/math/bounds.h"
#include "backend/reward/math/expression.h"

#include <string>

namespace midpoint::reward::math {

struct Comparison {
    bool isEqual = false;
    std::string rule;
};

// Not symmetric: rounding is judged from the reference. Throws BeyondBounds.
Comparison compareAnswers(const Expression& reference, const Expression& response, const Bounds& bounds);

} // namespace midpoint::reward::math
