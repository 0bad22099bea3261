// Pairs and whole responses judged by hand (tests/backend/reward/cases), through the grader as a run uses it.
#include "backend/core/text.h"
#include "backend/reward/math_grader.h"
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <sstream>

namespace midpoint::reward {
namespace {

std::istringstream linesOf(const std::string& file)
{
    return std::istringstream(test::read(test::sourceFolder() / "tests/backend/reward/cases" / file));
}

void expectVerdict(std::string_view response, std::string_view reference, bool isTruncated, bool isCorrect)
{
    static const auto grader = makeMathGrader({});
    const GradeRequest request { response, reference, isTruncated, {}, 0 };
    const Grade grade = grader->grade({ &request, 1 }).front();
    EXPECT_EQ(grade.verdict == Verdict::Correct, isCorrect)
        << "'" << response << "' for '" << reference << "': " << nameOf(grade.verdict) << ", extracted '" << grade.extracted << "', " << grade.rule;
}

TEST(JudgedPairs, All_GetTheirVerdict)
{
    std::istringstream lines = linesOf("pairs.txt");
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with('#'))
            continue;
        const std::size_t first = line.find(" ## ");
        const std::size_t second = line.find(" ## ", first + 1);
        ASSERT_NE(second, std::string::npos) << line;
        const std::string response = "Therefore $\\boxed{" + line.substr(first + 4, second - first - 4) + "}$.";
        expectVerdict(response, std::string_view(line).substr(0, first), false, line.substr(second + 4) == "equal");
        ++count;
    }
    EXPECT_GT(count, 2000u);
}

TEST(JudgedResponses, All_GetTheirVerdict)
{
    std::istringstream lines = linesOf("responses.jsonl");
    for (std::string line; std::getline(lines, line);) {
        const auto row = nlohmann::json::parse(line);
        expectVerdict(row.at("response").get<std::string>(), row.at("reference").get<std::string>(), row.at("truncated"), row.at("correct"));
    }
}

} // namespace
} // namespace midpoint::reward
