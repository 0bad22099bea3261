// Grades mathematical answers: finds the answer in the response, reads it and the reference into expression trees, and decides
// exact equality (math/equality.h). The rules are written down with examples in GRADING.md.
#pragma once

#include "backend/reward/extraction.h"
#include "backend/reward/grader.h"
#include "backend/reward/math/bounds.h"

#include <functional>

namespace midpoint::reward {

struct MathGraderOptions {
    ExtractionOptions extraction;
    math::Bounds bounds;
    // Asked about pairs that exceed the bounds, for example a worker process with a deadline; without it they are refused.
    std::function<Grade(const GradeRequest&)> beyondBounds;
};

std::unique_ptr<Grader> makeMathGrader(MathGraderOptions options);

} // namespace midpoint::reward
