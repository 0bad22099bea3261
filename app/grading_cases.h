// Responses with their reference answers, from JSON lines, and the time that grading them takes.
#pragma once

#include "backend/reward/grader.h"

#include <string>
#include <vector>

namespace midpoint::app {

// Owns what a GradeRequest looks at.
struct GradingCase {
    std::string response;
    std::string reference;
    std::string question;
    bool isTruncated = false;
};

// Lines {"response": ..., "reference" or "answer": ..., "question"?, "truncated"?}. Throws Error{Data} naming the line.
std::vector<GradingCase> readGradingCases(const std::string& file);

struct TimedGrades {
    std::vector<reward::Grade> grades;
    double seconds = 0.0; // processes already started
};

TimedGrades gradeAll(reward::Grader& grader, const std::vector<GradingCase>& cases);

} // namespace midpoint::app
