// midpoint grade: verdicts for responses, without a model.
#include "app/commands.h"
#include "app/grading_cases.h"
#include "backend/config/load.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/reward/agreement.h"
#include "backend/reward/external_grader.h"
#include "backend/reward/grader_factory.h"
#include "backend/reward/grading_protocol.h"

#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

namespace midpoint::app {
namespace {

nlohmann::json toJson(const GradingCase& each, const reward::Grade& grade)
{
    return { { "verdict", nameOf(grade.verdict) }, { "extracted", grade.extracted }, { "normal_form", grade.normalForm }, { "rule", grade.rule },
        { "reference", each.reference } };
}

void print(const std::vector<GradingCase>& cases, const std::vector<reward::Grade>& grades, bool asJson)
{
    std::map<std::string, std::int64_t> counts;
    nlohmann::json list = nlohmann::json::array();
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const reward::Grade& grade = grades[i];
        ++counts[nameOf(grade.verdict)];
        if (asJson)
            list.push_back(toJson(cases[i], grade));
        else
            std::cout << nameOf(grade.verdict) << "  '" << grade.extracted << "' for '" << cases[i].reference << "'  (" << grade.rule << ")\n";
    }
    if (asJson)
        std::cout << nlohmann::json({ { "grades", std::move(list) }, { "counts", counts } })
                         .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                  << "\n";
    else if (cases.size() > 1)
        for (const auto& [verdict, count] : counts)
            std::cout << count << " " << verdict << "\n";
}

// The pairs on which our grader and a second one differ, and how often they agree.
void printAgreement(const std::vector<GradingCase>& cases, const TimedGrades& first, const TimedGrades& second, bool asJson)
{
    const std::vector<reward::Grade>& ours = first.grades;
    const std::vector<reward::Grade>& theirs = second.grades;
    const auto count = static_cast<double>(cases.size());
    const reward::Agreement agreement = reward::compareGrades(ours, theirs);
    if (agreement.both == 0)
        throw Error(ErrorKind::Resource, concat("--against: expected verdicts that can be compared, found none for ", cases.size(),
            " pairs; the second grader's first one: ", nameOf(theirs.front().verdict), ", ", theirs.front().rule));
    nlohmann::json list = nlohmann::json::array();
    for (const std::size_t i : agreement.disagreements) {
        nlohmann::json row = toJson(cases[i], ours[i]);
        row["against"] = { { "verdict", nameOf(theirs[i].verdict) }, { "rule", theirs[i].rule } };
        if (asJson)
            list.push_back(std::move(row));
        else
            std::cout << nameOf(ours[i].verdict) << " against " << nameOf(theirs[i].verdict) << "  '" << ours[i].extracted << "' for '"
                      << cases[i].reference << "'  (" << ours[i].rule << ")\n";
    }
    if (asJson)
        std::cout << nlohmann::json({ { "judged_by_both", agreement.both }, { "correct_for_us_alone", agreement.onlyFirst },
                                        { "correct_for_the_other_alone", agreement.onlySecond }, { "not_judged", agreement.notJudged },
                                        { "grades_per_second", count / first.seconds }, { "grades_per_second_of_the_other", count / second.seconds },
                                        { "disagreements", std::move(list) } })
                         .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                  << "\n";
    else
        std::cout << agreement.disagreements.size() << " of " << agreement.both << " pairs differ: " << agreement.onlyFirst
                  << " correct for us alone, " << agreement.onlySecond << " for the other alone; " << agreement.notJudged
                  << " not judged by both\n"
                  << fixed(count / first.seconds, 0) << " grades/s on one thread against " << fixed(count / second.seconds, 1) << " in "
                  << "reward.workers processes: " << fixed(second.seconds / first.seconds, 1) << " times as fast\n";
}

} // namespace

int runGrade(const Words& words)
{
    GradingCase single;
    std::string file;
    std::string against;
    bool asJson = false;
    bool isServing = false;
    CommandLine line("grade", "Grades responses. The grader is set with reward.kind and the other settings of [reward].", Settings::OfGrading);
    CLI::Option* reference = line.add("--reference", single.reference, "Reference answer");
    CLI::Option* response = line.add("--response", single.response, "Response to grade");
    CLI::Option* lines = line.add("--file", file, "JSON lines with response, reference, and optionally question and truncated");
    lines->check(CLI::ExistingFile);
    line.add("--against", against, "Second grader, a command of the external protocol: list the pairs on which the two differ");
    line.flag("--serve", isServing, "Answer request lines on standard input with verdict lines, as an external grader does");
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    if (isServing) {
        const std::unique_ptr<reward::Grader> grader = reward::makeServingGrader();
        reward::serve(*grader, std::cin, std::cout);
        return 0;
    }
    const bool hasSingle = reference->count() > 0 && response->count() > 0;
    if (hasSingle == (lines->count() > 0))
        throw Error(ErrorKind::Usage, "expected --reference and --response, or --file");

    config::ConfigInput input;
    input.name = "settings";
    input.check = config::Check::ValuesOnly;
    const config::ConfigReport settings = config::readConfigText(input, line.overrides());
    if (!settings.problems.empty())
        config::throwProblems("settings", settings.problems);
    const std::vector<GradingCase> cases = hasSingle ? std::vector<GradingCase> { single } : readGradingCases(file);
    const std::unique_ptr<reward::Grader> grader = reward::makeGrader(settings.loaded.config.reward);
    const TimedGrades ours = gradeAll(*grader, cases);
    if (against.empty()) {
        print(cases, ours.grades, asJson);
        return 0;
    }
    config::RewardSection second = settings.loaded.config.reward;
    second.externalCommand = { "/bin/sh", "-c", "exec " + against };
    printAgreement(cases, ours, gradeAll(*reward::makeExternalGrader(second), cases), asJson);
    return 0;
}

} // namespace midpoint::app
