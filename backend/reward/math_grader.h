// Grades mathematical answers.
#pragma once

#include "backend/reward/extraction.h"
#include "backend/reward/grader.h"

namespace midpoint::reward {

std::unique_ptr<Grader> makeMathGrader(ExtractionOptions extraction);

} // namespace midpoint::reward
