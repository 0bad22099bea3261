#include "backend/reward/grading_protocol.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <nlohmann/json.hpp>

#include <istream>
#include <ostream>

namespace midpoint::reward {

namespace {

using Json = nlohmann::json;

// Responses may hold half a character at a length limit: replaced, not thrown.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string excerpt(std::string_view text) { return std::string(text.substr(0, 80)); }

std::string textOr(const Json& json, const char* key)
{
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Grade failed(std::string reason) { return { Verdict::GraderFailed, {}, {}, std::move(reason), false }; }

} // namespace

std::optional<Verdict> verdictOf(std::string_view name)
{
    for (int i = 0; i <= static_cast<int>(Verdict::GraderFailed); ++i)
        if (name == nameOf(static_cast<Verdict>(i)))
            return static_cast<Verdict>(i);
    return std::nullopt;
}

std::string requestLine(const GradeRequest& request, std::int64_t id)
{
    return dump({ { "id", id }, { "response", request.response }, { "reference", request.reference }, { "question", request.question },
        { "truncated", request.isTruncated }, { "tokens", request.tokenCount } });
}

OwnedRequest parseRequest(std::string_view line)
{
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object())
        throw Error(ErrorKind::Data, concat("expected a JSON object, found ", excerpt(line)));
    OwnedRequest out;
    for (const char* key : { "response", "reference" })
        if (!json.contains(key) || !json[key].is_string())
            throw Error(ErrorKind::Data, concat("expected a text '", key, "', found ", json.contains(key) ? dump(json[key]) : "none"));
    out.response = json["response"].get<std::string>();
    out.reference = json["reference"].get<std::string>();
    out.question = textOr(json, "question");
    if (json.contains("truncated") && json["truncated"].is_boolean())
        out.isTruncated = json["truncated"].get<bool>();
    if (json.contains("tokens") && json["tokens"].is_number_integer())
        out.tokenCount = json["tokens"].get<std::int64_t>();
    if (json.contains("id") && json["id"].is_number_integer())
        out.id = json["id"].get<std::int64_t>();
    return out;
}

std::string answerLine(const Grade& grade, std::int64_t id)
{
    return dump({ { "id", id }, { "verdict", nameOf(grade.verdict) }, { "extracted", grade.extracted },
        { "normal_form", grade.normalForm }, { "rule", grade.rule }, { "well_formed", grade.isWellFormed } });
}

Grade parseAnswer(std::string_view line, std::int64_t id)
{
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object())
        return failed(concat("expected a JSON object, found '", excerpt(line), "'"));
    if (json.contains("id") && json["id"] != id)
        return failed(concat("expected the answer to request ", id, ", found id ", dump(json["id"])));
    Grade grade;
    if (json.contains("verdict")) {
        const auto verdict = verdictOf(textOr(json, "verdict"));
        if (!verdict)
            return failed(concat("expected a verdict, found ", dump(json["verdict"])));
        grade.verdict = *verdict;
    } else if (json.contains("correct") && json["correct"].is_boolean()) {
        grade.verdict = json["correct"].get<bool>() ? Verdict::Correct : Verdict::Wrong;
    } else {
        return failed(concat("expected \"verdict\" or \"correct\", found '", excerpt(line), "'"));
    }
    grade.extracted = textOr(json, "extracted");
    grade.normalForm = textOr(json, "normal_form");
    grade.rule = textOr(json, "rule");
    grade.isWellFormed = json.contains("well_formed") && json["well_formed"] == true;
    return grade;
}

void serve(Grader& grader, std::istream& in, std::ostream& out)
{
    std::string line;
    while (std::getline(in, line)) {
        if (trim(line).empty())
            continue;
        try {
            const OwnedRequest request = parseRequest(line);
            const GradeRequest view = request.view();
            out << answerLine(grader.grade({ &view, 1 }).front(), request.id) << std::endl;
        } catch (const Error& error) {
            out << dump({ { "error", error.what() } }) << std::endl;
        }
    }
}

} // namespace midpoint::reward
