// Grading processes that misbehave cost the sample they were asked about and nothing else.
#include "backend/core/error.h"
#include "backend/core/clock.h"
#include "backend/reward/grader_factory.h"
#include "backend/reward/grading_protocol.h"
#include "backend/reward/math_grader.h"
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace midpoint::reward {
namespace {

// A grader as a shell script: $line is the request; "hang", "crash", ... in the response say what to do.
constexpr const char* kScript = R"(
while IFS= read -r line; do
    case "$line" in
        *do-hang*) sleep 1000 ;;
        *do-crash*) kill -SEGV $$ ;;
        *do-exit*) exit 3 ;;
        *do-garbage*) echo 'what?' ;;
        *do-nothing*) echo '' ;;
        *do-wrong-id*) echo '{"id": 123456, "verdict": "correct"}' ;;
        *do-fork*) sleep 1000 & sleep 1000 & echo '{"verdict": "correct", "rule": "forked"}' ;;
        *do-flood*) yes | head -c 3000000 | tr -d '\n'; echo ;;
        *do-verdict*) echo '{"verdict": "marvellous"}' ;;
        *do-memory*) x=aaaaaaaaaaaaaaaa; while true; do x="$x$x"; done ;;
        *right*) echo '{"correct": true, "extracted": "right"}' ;;
        *) echo '{"verdict": "wrong", "rule": "not right"}' ;;
    esac
done
)";

class ExternalGraderTest : public testing::Test {
protected:
    ExternalGraderTest() { test::write(m_folder / "grader.sh", kScript); }

    std::unique_ptr<Grader> makeGraderWith(std::int64_t workers, double deadline)
    {
        config::RewardSection settings;
        settings.kind = "external";
        settings.externalCommand = { "sh", (m_folder / "grader.sh").string() };
        settings.workers = workers;
        settings.deadlineSeconds = deadline;
        settings.startSeconds = 2.0;
        settings.workerMemoryMegabytes = 256;
        return makeGrader(settings);
    }

    static std::vector<Grade> gradeAll(Grader& grader, const std::vector<std::string>& responses)
    {
        std::vector<GradeRequest> requests;
        for (const std::string& response : responses)
            requests.push_back({ response, "x", false, {}, 0 });
        return grader.grade(requests);
    }

    test::TemporaryFolder m_folder;
};

TEST_F(ExternalGraderTest, GoodAnswers_KeepTheirOrder)
{
    const auto grader = makeGraderWith(3, 5.0);
    std::vector<std::string> responses;
    for (int i = 0; i < 100; ++i)
        responses.push_back(i % 3 == 0 ? "right" : "other");
    const auto grades = gradeAll(*grader, responses);
    for (std::size_t i = 0; i < grades.size(); ++i)
        EXPECT_EQ(grades[i].verdict, i % 3 == 0 ? Verdict::Correct : Verdict::Wrong) << i << " " << grades[i].rule;
    EXPECT_EQ(grades[0].extracted, "right");
    EXPECT_EQ(grades[1].rule, "not right");
}

struct Misbehaviour {
    const char* response;
    Verdict verdict;
};

class ExternalGraderMisbehaving : public ExternalGraderTest, public testing::WithParamInterface<Misbehaviour> { };

TEST_P(ExternalGraderMisbehaving, CostsOneSample_OthersAreGraded)
{
    const auto grader = makeGraderWith(1, 0.5);
    const auto grades = gradeAll(*grader, { "right", GetParam().response, "right", GetParam().response, "other" });
    EXPECT_EQ(grades[0].verdict, Verdict::Correct) << grades[0].rule;
    EXPECT_EQ(grades[1].verdict, GetParam().verdict) << grades[1].rule;
    EXPECT_EQ(grades[2].verdict, Verdict::Correct) << grades[2].rule;
    EXPECT_EQ(grades[3].verdict, GetParam().verdict) << grades[3].rule;
    EXPECT_EQ(grades[4].verdict, Verdict::Wrong) << grades[4].rule;
    if (GetParam().verdict != Verdict::Correct) {
        EXPECT_FALSE(grades[1].rule.empty()) << "a failure says why";
    }
}

INSTANTIATE_TEST_SUITE_P(Table, ExternalGraderMisbehaving,
    testing::Values(Misbehaviour { "do-hang", Verdict::Timeout }, Misbehaviour { "do-crash", Verdict::GraderFailed },
        Misbehaviour { "do-exit", Verdict::GraderFailed }, Misbehaviour { "do-garbage", Verdict::GraderFailed },
        Misbehaviour { "do-nothing", Verdict::GraderFailed }, Misbehaviour { "do-wrong-id", Verdict::GraderFailed },
        Misbehaviour { "do-fork", Verdict::Correct }, Misbehaviour { "do-flood", Verdict::GraderFailed },
        Misbehaviour { "do-verdict", Verdict::GraderFailed }),
    [](const auto& parameter) {
        std::string name = parameter.param.response;
        std::replace(name.begin(), name.end(), '-', '_');
        return name;
    });

TEST_F(ExternalGraderTest, MemoryEater_IsStoppedByItsLimit)
{
    const auto grader = makeGraderWith(1, 5.0);
    const auto grades = gradeAll(*grader, { "do-memory", "right" });
    EXPECT_TRUE(grades[0].verdict == Verdict::GraderFailed || grades[0].verdict == Verdict::Timeout) << grades[0].rule;
    EXPECT_EQ(grades[1].verdict, Verdict::Correct) << grades[1].rule;
}

TEST_F(ExternalGraderTest, MissingProgramOrScript_IsConfigErrorBeforeTheRun)
{
    for (const std::vector<std::string>& command : { std::vector<std::string> {}, { "/nowhere/grader" }, { "no-such-program-anywhere" },
             { "python3", "/nowhere/grader.py" } }) {
        config::RewardSection settings;
        settings.kind = "external";
        settings.externalCommand = command;
        try {
            makeGrader(settings);
            FAIL() << "no error";
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::Config);
            EXPECT_NE(std::string(error.what()).find("reward.external_command"), std::string::npos) << error.what();
        }
    }
}

TEST(GradingProtocol, Serve_AnswersLinesAndReportsBadOnes)
{
    const auto grader = makeMathGrader({});
    std::istringstream in("{\"id\": 4, \"response\": \"\\\\boxed{0.5}\", \"reference\": \"1/2\"}\n\nnonsense\n{\"response\": \"x\"}\n");
    std::ostringstream out;
    serve(*grader, in, out);
    std::istringstream lines(out.str());
    std::string line;
    std::getline(lines, line);
    const Grade grade = parseAnswer(line, 4);
    EXPECT_EQ(grade.verdict, Verdict::Correct) << line;
    EXPECT_EQ(grade.extracted, "0.5");
    std::getline(lines, line);
    EXPECT_NE(line.find("expected a JSON object"), std::string::npos) << line;
    std::getline(lines, line);
    EXPECT_NE(line.find("expected a text 'reference'"), std::string::npos) << line;
}

TEST(GradingProtocol, HalfCharacters_AreReplacedNotThrown)
{
    const GradeRequest request { "caf\xC3", "x\xFF", true, {}, 7 };
    const OwnedRequest back = parseRequest(requestLine(request, 3));
    EXPECT_EQ(back.id, 3);
    EXPECT_TRUE(back.isTruncated);
    EXPECT_EQ(back.tokenCount, 7);
}

} // namespace
} // namespace midpoint::reward
