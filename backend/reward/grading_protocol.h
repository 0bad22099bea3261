// The lines between us and a grading process: one JSON object per line, one answer per request, in order.
//
//   request  {"id": 7, "response": "...", "reference": "...", "question": "...", "truncated": false, "tokens": 312}
//   answer   {"id": 7, "verdict": "correct", "extracted": "...", "normal_form": "...", "rule": "..."}
//
// An answer needs "verdict" (correct, wrong, unparseable, unparseable-reference, ...), or "correct": true | false instead.
// "id" may be left out of an answer; if it is there it must be the request's.
#pragma once

#include "backend/reward/grader.h"

#include <iosfwd>
#include <optional>

namespace midpoint::reward {

// Owns what a GradeRequest only looks at.
struct OwnedRequest {
    std::int64_t id = 0;
    std::string response;
    std::string reference;
    std::string question;
    bool isTruncated = false;
    std::int64_t tokenCount = 0;

    GradeRequest view() const { return { response, reference, isTruncated, question, tokenCount }; }
};

std::string requestLine(const GradeRequest& request, std::int64_t id);
OwnedRequest parseRequest(std::string_view line); // throws Error{Data} that says what was expected

std::string answerLine(const Grade& grade, std::int64_t id);
// A Grade, or GraderFailed with the reason in `rule`.
Grade parseAnswer(std::string_view line, std::int64_t id);

std::optional<Verdict> verdictOf(std::string_view name);

// Answers request lines until the end of input: what `midpoint grade --serve` does.
void serve(Grader& grader, std::istream& in, std::ostream& out);

} // namespace midpoint::reward
