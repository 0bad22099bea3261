#include "tests/fuzz/targets.h"

#include "backend/core/error.h"
#include "backend/reward/extraction.h"
#include "backend/reward/grading_protocol.h"
#include "backend/reward/math/reader.h"
#include "backend/reward/math_grader.h"
#include "backend/reward/math_normal_form.h"
#include "backend/reward/text_graders.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace midpoint::fuzz {

namespace {

std::string_view textOf(Bytes bytes) { return { reinterpret_cast<const char*>(bytes.data()), bytes.size() }; }

// Not assert(): it must hold in every build.
void require(bool holds, const char* promise)
{
    if (holds)
        return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

bool liesWithin(std::string_view part, std::string_view whole)
{
    return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

bool isOneOf(Verdict verdict, std::initializer_list<Verdict> allowed)
{
    return std::find(allowed.begin(), allowed.end(), verdict) != allowed.end();
}

std::string formOf(std::string_view answer, const reward::math::TokenOptions& options)
{
    try {
        return reward::math::toText(reward::math::readAnswer(answer, options));
    } catch (const reward::math::Unreadable& unreadable) {
        require(unreadable.what()[0] != '\0', "what cannot be read has a reason");
        return {};
    }
}

void gradeWithoutException(reward::Grader& grader, const reward::GradeRequest& request)
{
    require(grader.grade({ &request, 1 }).size() == 1, "one grade per request");
}

constexpr std::array<Target, 4> kTargets { { { "reader", fuzzReader }, { "extraction", fuzzExtraction },
    { "equality", fuzzEquality }, { "protocol", fuzzProtocol } } };

} // namespace

void fuzzReader(Bytes bytes)
{
    const std::string_view text = textOf(bytes);
    const std::string first = formOf(text, {});
    require(first == formOf(text, {}), "reading is repeatable");
    formOf(text, { .commasGroupDigits = false });
    reward::mathNormalForm(text);
}

void fuzzExtraction(Bytes bytes)
{
    const std::string_view response = textOf(bytes);
    for (int only = -1; only < 5; ++only) {
        const reward::ExtractionOptions options = only < 0
            ? reward::ExtractionOptions {}
            : reward::ExtractionOptions { only == 0, only == 1, only == 2, only == 3, only == 4 };
        const auto found = reward::extractAnswer(response, options);
        if (!found)
            continue;
        require(options.isOn(found->step), "only steps that are on find answers");
        require(!found->text.empty() && liesWithin(found->text, response), "an answer is a part of the response");
    }
    for (const bool isTruncated : { false, true }) {
        gradeWithoutException(*reward::makeNumericGrader(1e-6, {}), { response, "-1.5", isTruncated, {}, 0 });
        gradeWithoutException(*reward::makeChoiceGrader({}), { response, "B", isTruncated, {}, 0 });
    }
}

void fuzzEquality(Bytes bytes)
{
    const std::string_view text = textOf(bytes);
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view reference = text.substr(0, end);
    const std::string response = "\\boxed{" + std::string(text.substr(std::min(end + 1, text.size()))) + "}";
    const auto grader = reward::makeMathGrader({});
    const reward::GradeRequest request { response, reference, false, {}, 0 };
    const reward::Grade grade = grader->grade({ &request, 1 }).front();
    require(isOneOf(grade.verdict, { Verdict::Correct, Verdict::Wrong, Verdict::Unparseable, Verdict::UnparseableReference }),
        "nothing is timed in this process");
    require(!grade.rule.empty(), "every verdict has a rule");

    // A reference that can be read is correct against itself, however large its value is.
    if (!grader->referenceProblem(reference).empty())
        return;
    const std::string itself = "#### " + std::string(reference);
    const reward::GradeRequest same { itself, reference, false, {}, 0 };
    const reward::Grade again = grader->grade({ &same, 1 }).front();
    const bool isTheWholeText = again.extracted == reference;
    require(!isTheWholeText || again.verdict == Verdict::Correct, "a readable reference equals itself");
}

void fuzzProtocol(Bytes bytes)
{
    const std::string_view line = textOf(bytes);
    require(!std::string_view(nameOf(reward::parseAnswer(line, 7).verdict)).empty(), "every line has a verdict");
    try {
        const reward::OwnedRequest request = reward::parseRequest(line);
        require(reward::requestLine(request.view(), request.id).find('\n') == std::string::npos, "a request is one line");
    } catch (const Error& error) {
        require(error.what()[0] != '\0', "a refused line has a reason");
    }
}

std::span<const Target> targets() { return kTargets; }

} // namespace midpoint::fuzz
