// midpoint validate: everything that can be said about a configuration without starting a run.
#include "app/commands.h"
#include "app/console.h"
#include "app/data_findings.h"
#include "app/modules.h"
#include "backend/config/checks.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

#include <iostream>
#include <nlohmann/json.hpp>

namespace midpoint::app {
namespace {

nlohmann::json described(const std::vector<config::Problem>& problems)
{
    nlohmann::json list = nlohmann::json::array();
    for (const config::Problem& problem : problems)
        list.push_back({ { "key", problem.key }, { "where", problem.where }, { "message", problem.message } });
    return list;
}

// Names and shapes of the weights against config.json, which the engine knows; a machine without LibTorch can check the rest.
void compareShapes(config::ConfigReport& report)
{
    try {
        openEngine().checkModelFiles(report.loaded.config.model.path);
    } catch (const Error& error) {
        config::Problem problem { "model.path", {}, error.what() };
        if (error.kind() == ErrorKind::Resource) {
            problem.message = concat("the shapes of the weights are not compared: ", error.what());
            report.loaded.warnings.push_back(std::move(problem));
        } else {
            report.problems.push_back(std::move(problem));
        }
    }
}

// The sums of one step, as the loop will carry it out.
std::vector<std::string> stepInWords(const config::RunConfig& config)
{
    const std::int64_t samples = config.rollout.samplesPerPrompt;
    const std::int64_t fresh = config::freshGroupsPerStep(config);
    const std::int64_t replayed = config::replayedGroupsPerStep(config);
    const std::int64_t groups = config.batch.promptsPerStep;
    std::vector<std::string> lines = { concat("step: ", groups, " groups x ", samples, " responses = ", groups * samples, " rows; ", fresh * samples,
        " generated", replayed > 0 ? concat(", ", replayed * samples, " replayed") : std::string()) };
    if (config.batch.rowsPerUpdate > 0)
        lines.push_back(concat("update: ", config.batch.rowsPerUpdate, " rows with signal"));
    else
        lines.push_back(concat("update: ", config.batch.promptsPerUpdate, " groups, ", groups / config.batch.promptsPerUpdate, " updates a step"));
    const auto& selection = config.selection;
    if (config::usesBelief(config) && selection.belief == "predictor" && selection.referencePrompts > 0)
        lines.push_back(concat("selection: every ", selection.intervalSteps, " steps ", selection.referencePrompts, " references x ", samples, " = ",
            selection.referencePrompts * samples, " responses"));
    lines.push_back(concat("run: ", config.run.steps, " steps on ", join(config.run.devices, ", "), " in ", config.run.dtype));
    return lines;
}

} // namespace

int runValidate(const Words& words)
{
    std::string file;
    bool asJson = false;
    CommandLine line("validate", "Checks a configuration, its arithmetic and the files it names. Exit code 2 if something is wrong.", Settings::All);
    line.add("CONFIG", file, "Configuration file (TOML)")->required();
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;

    config::ConfigReport report = config::readConfig(file, line.overrides());
    std::vector<std::string> lines;
    if (report.problems.empty()) {
        config::FileFindings findings = config::checkFiles(report.loaded);
        report.problems = std::move(findings.problems);
        report.loaded.warnings.insert(report.loaded.warnings.end(), findings.warnings.begin(), findings.warnings.end());
    }
    if (report.problems.empty()) {
        DataFindings findings = checkPrompts(report.loaded.config);
        report.problems = std::move(findings.problems);
        report.loaded.warnings.insert(report.loaded.warnings.end(), findings.warnings.begin(), findings.warnings.end());
        lines = stepInWords(report.loaded.config);
        lines.insert(lines.end(), findings.lines.begin(), findings.lines.end());
    }
    if (report.problems.empty())
        compareShapes(report);
    if (asJson) {
        const nlohmann::json json = { { "file", file }, { "valid", report.problems.empty() }, { "problems", described(report.problems) },
            { "warnings", described(report.loaded.warnings) }, { "lines", lines } };
        std::cout << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
        return report.problems.empty() ? 0 : 2;
    }
    printWarnings(report.loaded.warnings);
    if (!report.problems.empty())
        config::throwProblems(file, report.problems);
    std::cout << file << ": valid\n";
    for (const std::string& text : lines)
        std::cout << "  " << text << "\n";
    return 0;
}

} // namespace midpoint::app
