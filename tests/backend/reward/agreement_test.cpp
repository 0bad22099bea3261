// Agreement with the recorded verdicts of math-verify, and every reference answer of the training set against itself.
#include "backend/reward/grading_protocol.h"
#include "backend/reward/math_grader.h"
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <map>

namespace midpoint::reward {
namespace {

struct Case {
    std::string reference;
    std::string kind;
    std::string response;
    bool isCorrectForMathVerify = false;
};

std::vector<Case> readCases(const std::filesystem::path& path)
{
    std::vector<Case> cases;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const auto json = nlohmann::json::parse(line);
        cases.push_back({ json.at("reference"), json.at("kind"), json.at("response"), json.at("math_verify") });
    }
    return cases;
}

TEST(MathVerifyAgreement, RecordedVerdicts_DifferInLessThanHalfAPercent)
{
    const auto path = test::fixture("grading.jsonl");
    MIDPOINT_REQUIRE_FIXTURE(path);
    const std::vector<Case> cases = readCases(path);
    ASSERT_GT(cases.size(), 100u);
    const auto grader = makeMathGrader({});
    std::size_t positives = 0; // correct for us alone
    std::size_t negatives = 0; // correct for math-verify alone
    for (const Case& each : cases) {
        const GradeRequest request { each.response, each.reference, false, {}, 0 };
        const Grade grade = grader->grade({ &request, 1 }).front();
        const bool isCorrect = grade.verdict == Verdict::Correct;
        if (isCorrect == each.isCorrectForMathVerify)
            continue;
        ++(isCorrect ? positives : negatives);
        std::cout << (isCorrect ? "ours alone: " : "math-verify alone: ") << each.kind << "  '" << grade.extracted << "' for '"
                  << each.reference << "'  (" << grade.rule << ")\n";
    }
    const double share = static_cast<double>(positives + negatives) / static_cast<double>(cases.size());
    std::cout << positives << " correct for us alone, " << negatives << " correct for math-verify alone, of " << cases.size() << "\n";
    EXPECT_LT(share, 0.005);
}

TEST(ReferenceAnswers, OfTheOracleData_AreNeverWrongAgainstThemselves)
{
    const auto path = test::fixture("grading.jsonl");
    MIDPOINT_REQUIRE_FIXTURE(path);
    const auto grader = makeMathGrader({});
    std::size_t unreadable = 0;
    std::map<std::string, bool> seen;
    for (const Case& each : readCases(path)) {
        if (!seen.emplace(each.reference, true).second)
            continue;
        const std::string response = "Therefore the answer is $\\boxed{" + each.reference + "}$.";
        const GradeRequest request { response, each.reference, false, {}, 0 };
        const Grade grade = grader->grade({ &request, 1 }).front();
        unreadable += grader->referenceProblem(each.reference).empty() ? 0 : 1;
        EXPECT_EQ(grade.verdict, Verdict::Correct) << each.reference << " " << grade.rule;
    }
    EXPECT_LE(static_cast<double>(unreadable), 0.005 * static_cast<double>(seen.size()));
}

} // namespace
} // namespace midpoint::reward
