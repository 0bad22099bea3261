#include "app/grading_cases.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <nlohmann/json.hpp>

namespace midpoint::app {
namespace {

std::string textOf(const nlohmann::json& row, const char* key, const std::string& where)
{
    const auto found = row.find(key);
    if (found == row.end() || !found->is_string())
        throw Error(ErrorKind::Data, concat(where, ": expected a text '", key, "', found ", found == row.end() ? "none" : found->dump()));
    return found->get<std::string>();
}

} // namespace

std::vector<GradingCase> readGradingCases(const std::string& file)
{
    std::vector<GradingCase> cases;
    std::int64_t number = 0;
    for (const std::string& line : split(readFile(file), '\n')) {
        ++number;
        if (trim(line).empty())
            continue;
        const std::string where = concat(file, ":", number);
        const nlohmann::json row = nlohmann::json::parse(line, nullptr, false);
        if (!row.is_object())
            throw Error(ErrorKind::Data, concat(where, ": expected a JSON object, found ", line.substr(0, 60)));
        GradingCase each;
        each.response = textOf(row, "response", where);
        each.reference = textOf(row, row.contains("reference") ? "reference" : "answer", where);
        each.question = row.contains("question") ? textOf(row, "question", where) : "";
        each.isTruncated = row.value("truncated", false);
        cases.push_back(std::move(each));
    }
    if (cases.empty())
        throw Error(ErrorKind::Data, concat(file, ": expected at least one line, found none"));
    return cases;
}

TimedGrades gradeAll(reward::Grader& grader, const std::vector<GradingCase>& cases)
{
    std::vector<reward::GradeRequest> requests;
    for (const GradingCase& each : cases)
        requests.push_back({ each.response, each.reference, each.isTruncated, each.question, 0 });
    grader.grade(std::span(requests).first(1));
    TimedGrades out;
    const double start = systemClock().steadySeconds();
    out.grades = grader.grade(requests);
    out.seconds = systemClock().steadySeconds() - start;
    return out;
}

} // namespace midpoint::app
