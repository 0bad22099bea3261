// Sets of real numbers as unions of intervals: the common form of intervals, inequalities, finite sets and set builders.
#pragma once

#include "backend/reward/math/bounds.h"
#include "backend/reward/math/expression.h"

#include <optional>
#include <vector>

namespace midpoint::reward::math {

struct Interval {
    Expression low; // constants or infinities
    Expression high;
    bool isLowClosed = false;
    bool isHighClosed = false;
};

using RealSet = std::vector<Interval>; // disjoint, not touching, in order

// Nothing if the expression is no set of real numbers with known ends. Two numbers in brackets are taken as an interval.
std::optional<RealSet> realSetOf(const Expression& expression, const Bounds& bounds);

bool isSameSet(const RealSet& a, const RealSet& b, const Bounds& bounds);

} // namespace midpoint::reward::math
