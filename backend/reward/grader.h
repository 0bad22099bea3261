// What every grader does: look at a response (never at the prompt) and a reference answer and give a verdict with its reason.
#pragma once

#include "backend/core/rollout.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::reward {

struct GradeRequest {
    std::string_view response;  // decoded response only, without special tokens
    std::string_view reference;
    bool isTruncated = false;   // ended at the length limit
    std::string_view question;  // for external graders
    std::int64_t tokenCount = 0;
};

struct Grade {
    Verdict verdict = Verdict::Wrong;
    std::string extracted;   // the answer as it stands in the response
    std::string normalForm;  // as the grader read it
    std::string rule;        // how it was found and what decided, e.g. "boxed; exact number"
    bool isWellFormed = false; // stated in the expected form (box, marker), for format terms
};

class Grader {
public:
    virtual ~Grader() = default;
    // One grade per request, in order. May use several threads or processes; never throws for a bad response.
    virtual std::vector<Grade> grade(std::span<const GradeRequest> requests) = 0;
    // Why the reference cannot be used as an answer, or an empty string.
    virtual std::string referenceProblem(std::string_view reference) = 0;
};

} // namespace midpoint::reward
