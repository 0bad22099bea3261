// midpoint bench time-to-target: trains every method with every seed, one run after the other, and compares what each spent.
#include "app/commands.h"
#include "app/console.h"
#include "app/run_paths.h"
#include "app/time_to_target_file.h"
#include "backend/config/checks.h"
#include "backend/config/resolved.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/launch/supervisor.h"

#include <algorithm>
#include <iostream>
#include <set>

namespace midpoint::app {
namespace {

namespace fs = std::filesystem;

// Trains one run to its end, or goes on with it, or finds it finished; what went wrong, or an empty text. A stop on request is
// Error{Cancelled}: the next call goes on where it was.
std::string trainRun(const PlannedMethod& method, const Words& more, const fs::path& folder, LogSink& log)
{
    Words overrides = method.overrides;
    overrides.insert(overrides.end(), more.begin(), more.end());
    const config::LoadedConfig loaded = config::loadConfig(method.config, overrides);
    config::requireFiles(loaded);
    launch::SupervisorOptions run;
    run.runFolder = folder;
    run.configText = readFile(method.config);
    run.resolvedText = config::resolvedToml(loaded);
    std::error_code error;
    if (fs::exists(folder / "resolved.toml", error)) {
        const auto others = config::differences(config::loadConfig(folder / "resolved.toml").config, loaded.config);
        if (!others.empty())
            throw Error(ErrorKind::Data, concat(folder.string(), ": holds a run with other settings than the file asks for now (", others.front().key,
                                             ": found ", others.front().left, ", expected ", others.front().right, others.size() > 1
                                                 ? concat("; and ", others.size() - 1, " more")
                                                 : std::string(),
                                             "); remove the folder or choose another --runs"));
        const auto record = launch::readExitRecord(launch::RunFolder::open(folder));
        if (record && record->outcome == launch::Outcome::Finished)
            return {};
    }
    run.ranks = static_cast<std::int64_t>(loaded.config.run.devices.size());
    run.rankCommand = { launch::executablePath().string(), "rank", "--run", "{run}", "--resume", "auto" };
    run.onProgress = [](std::string_view text) { std::cerr << text << std::flush; };
    const launch::ExitRecord record = launch::supervise(run, log);
    if (record.outcome == launch::Outcome::Stopped)
        throw Error(ErrorKind::Cancelled, concat("stopped after step ", record.lastStep, " of ", folder.string(), "; the same command goes on"));
    return record.outcome == launch::Outcome::Failed ? record.reason : std::string();
}

std::vector<store::RateTrial> tryLearningRates(const PlannedMethod& method, const TimeToTargetPlan& plan, const fs::path& runs, LogSink& log)
{
    std::vector<store::RateTrial> trials;
    for (const double rate : method.learningRates) {
        store::RateTrial trial { rate, {} };
        for (const std::int64_t seed : plan.scanSeeds) {
            store::MethodRun run { seed, runs / method.name / concat("scan-lr-", shortest(rate), "-seed-", seed), {} };
            Words overrides = plan.scanOverrides;
            overrides.push_back(concat("run.seed=", seed));
            overrides.push_back(concat("optimizer.learning_rate=", shortest(rate)));
            std::cerr << method.name << ", learning rate " << shortest(rate) << ", seed " << seed << "\n";
            run.failure = trainRun(method, overrides, run.folder, log);
            if (!run.failure.empty())
                log.warning(concat(method.name, " with learning rate ", shortest(rate), " failed: ", run.failure));
            trial.runs.push_back(std::move(run));
        }
        trials.push_back(std::move(trial));
    }
    return trials;
}

std::optional<double> rateOf(const std::vector<store::Method>& done, const std::string& name)
{
    for (const store::Method& method : done)
        if (method.name == name)
            return method.learningRate;
    return std::nullopt;
}

store::Method runMethod(
    const PlannedMethod& planned, const TimeToTargetPlan& plan, const std::vector<store::Method>& done, const fs::path& runs, LogSink& log)
{
    store::Method method;
    method.name = planned.name;
    method.setupSeconds = planned.setupSeconds;
    if (!planned.learningRates.empty()) {
        method.trials = tryLearningRates(planned, plan, runs, log);
        method.learningRate = store::chooseLearningRate(method.trials, plan.rule.metric);
    } else {
        method.learningRate = rateOf(done, planned.learningRateOf);
    }
    Words overrides;
    if (method.learningRate)
        overrides.push_back(concat("optimizer.learning_rate=", shortest(*method.learningRate)));
    for (const std::int64_t seed : plan.seeds) {
        store::MethodRun run { seed, runs / planned.name / concat("seed-", seed), {} };
        Words own = overrides;
        own.push_back(concat("run.seed=", seed));
        std::cerr << planned.name << ", seed " << seed << "\n";
        run.failure = trainRun(planned, own, run.folder, log);
        method.runs.push_back(std::move(run));
    }
    return method;
}

void keepOnly(TimeToTargetPlan& plan, const Words& names)
{
    for (const std::string& name : names)
        if (std::none_of(plan.methods.begin(), plan.methods.end(), [&](const PlannedMethod& method) { return method.name == name; }))
            throw Error(ErrorKind::Usage, concat("--method: the file has no method '", name, "'"));
    std::set<std::string> kept(names.begin(), names.end());
    kept.insert(plan.rule.baseline);
    for (const PlannedMethod& method : plan.methods)
        if (kept.contains(method.name))
            kept.insert(method.learningRateOf);
    if (!names.empty())
        std::erase_if(plan.methods, [&](const PlannedMethod& method) { return !kept.contains(method.name); });
}

} // namespace

int benchTimeToTarget(const Words& words)
{
    std::string file;
    std::string runs;
    Words methods;
    bool asJson = false;
    CommandLine line("bench time-to-target",
        "Trains several methods with several seeds, one run after the other, and compares what each spent to the same held-out accuracy. "
        "Goes on where it was stopped. Leaves results.json, results.md and results.db beside the runs.");
    line.add("FILE", file, "Methods, seeds and target (TOML; projects/*/time-to-target.toml are examples)")->required();
    line.add("--runs", runs, "Folder of the runs (otherwise runs/ and the name of the file's folder)");
    line.add("--method", methods, "Only these methods, the baseline, and those whose learning rate they have");
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    requireExisting("FILE", file);
    const fs::path path = fs::absolute(file).lexically_normal();
    TimeToTargetPlan plan = readTimeToTargetPlan(path);
    keepOnly(plan, methods);
    const fs::path folder = runs.empty() ? fs::absolute(fs::path("runs") / path.parent_path().filename() / path.stem()) : fs::absolute(runs);
    createFolders(folder);
    fs::current_path(path.parent_path()); // paths in overrides stand in the file, so they are relative to it
    const std::unique_ptr<LogSink> log = makeStderrSink(LogLevel::Warning);
    std::vector<store::Method> results;
    for (const PlannedMethod& method : plan.methods)
        results.push_back(runMethod(method, plan, results, folder.lexically_normal(), *log));
    const store::TimeToTarget result = store::timeToTarget(results, plan.rule);
    writeFileAtomically(folder / "results.json", store::renderJson(result) + "\n");
    writeFileAtomically(folder / "results.md", store::renderText(result));
    store::writeDatabase(result, folder / "results.db");
    std::cout << (asJson ? store::renderJson(result) + "\n" : store::renderText(result));
    return 0;
}

} // namespace midpoint::app
