// How two graders agree on the same pairs.
#pragma once

#include "backend/reward/grader.h"

namespace midpoint::reward {

struct Agreement {
    std::size_t both = 0;              // judged by both: neither failed nor timed out
    std::size_t onlyFirst = 0;         // correct for the first grader alone
    std::size_t onlySecond = 0;        // correct for the second grader alone
    std::size_t notJudged = 0;         // at least one of the graders failed
    std::vector<std::size_t> disagreements; // indices
};

// Only success counts: "wrong" and "unparseable" agree.
Agreement compareGrades(std::span<const Grade> first, std::span<const Grade> second);

} // namespace midpoint::reward
