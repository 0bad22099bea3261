// Decides whether two scalar expressions are equal, and says by which rule.
#pragma once

#include "backend/reward/math/bounds.h"
#include "backend/reward/math/expression.h"

#include <optional>
#include <string>

namespace midpoint::reward::math {

struct Decision {
    bool isEqual = false;
    const char* rule = ""; // see kRules in scalar_equality.cpp and GRADING.md
};

// Throws BeyondBounds where the sizes forbid a decision.
Decision compareScalars(const Expression& a, const Expression& b, const Bounds& bounds);

// Is a < b, a == b or a > b (-1, 0, 1) for real constants; nothing if they are no real constants.
std::optional<int> orderOf(const Expression& a, const Expression& b, const Bounds& bounds);

// Drops degree marks outside of trigonometric functions and turns them into radians inside. In place.
void resolveDegrees(Expression& expression);

bool hasSymbols(const Expression& expression);

} // namespace midpoint::reward::math
