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

enum class Doing { TrainAndReport, ReportOnly };

// What all runs of a call share.
struct Bench {
    TimeToTargetPlan plan;
    fs::path runs;
    Doing doing = Doing::TrainAndReport;
    LogSink& log;
};

// How the run in a folder differs from what the plan asks for; empty if it does not, or there is none.
std::string otherSettings(const fs::path& folder, const config::LoadedConfig& asked)
{
    std::error_code error;
    if (!fs::exists(folder / "resolved.toml", error))
        return {};
    const auto others = config::differences(config::loadConfig(folder / "resolved.toml").config, asked.config);
    if (others.empty())
        return {};
    return concat("holds a run with other settings than the file asks for now (", others.front().key, ": found ", others.front().left, ", expected ",
        others.front().right, others.size() > 1 ? concat("; and ", others.size() - 1, " more") : std::string(), ")");
}

std::optional<launch::ExitRecord> exitOf(const fs::path& folder)
{
    std::error_code error;
    return fs::is_directory(folder, error) ? launch::readExitRecord(launch::RunFolder::open(folder)) : std::nullopt;
}

// Trains one run to its end, or goes on with it, or finds it finished; what went wrong, or an empty text. A stop on request is
// Error{Cancelled}: the next call goes on where it was.
std::string trainRun(const config::LoadedConfig& loaded, const fs::path& config, const fs::path& folder, LogSink& log)
{
    config::requireFiles(loaded);
    if (const std::string other = otherSettings(folder, loaded); !other.empty())
        throw Error(ErrorKind::Data, concat(folder.string(), ": ", other, "; remove the folder or choose another --runs"));
    if (const auto record = exitOf(folder); record && record->outcome == launch::Outcome::Finished)
        return {};
    launch::SupervisorOptions run;
    run.runFolder = folder;
    run.configText = readFile(config);
    run.resolvedText = config::resolvedToml(loaded);
    run.ranks = static_cast<std::int64_t>(loaded.config.run.devices.size());
    run.rankCommand = { launch::executablePath().string(), "rank", "--run", "{run}", "--resume", "auto" };
    run.onProgress = [](std::string_view text) { std::cerr << text << std::flush; };
    const launch::ExitRecord record = launch::supervise(run, log);
    if (record.outcome == launch::Outcome::Stopped)
        throw Error(ErrorKind::Cancelled, concat("stopped after step ", record.lastStep, " of ", folder.string(), "; the same command goes on"));
    if (record.outcome == launch::Outcome::Failed)
        return record.reason.empty() ? concat("exit code ", record.code) : record.reason;
    return {};
}

// A run as it lies there; one that cannot be understood is missing, with the error as the reason.
store::MethodRun foundRun(std::int64_t seed, const fs::path& folder, const config::LoadedConfig& asked)
try {
    store::MethodRun run { seed, folder, store::RunEnd::Missing, {} };
    if (!launch::isRunFolder(folder)) {
        run.reason = "not trained yet";
        return run;
    }
    if (const std::string other = otherSettings(folder, asked); !other.empty()) {
        run.reason = concat(folder.string(), ": ", other);
        return run;
    }
    const auto record = exitOf(folder);
    if (!record || record->outcome == launch::Outcome::Stopped) {
        run.reason = record ? concat("stopped after step ", record->lastStep) : "not finished";
        return run;
    }
    run.end = record->outcome == launch::Outcome::Finished ? store::RunEnd::Complete : store::RunEnd::Failed;
    run.reason = run.end == store::RunEnd::Failed ? record->reason : std::string();
    return run;
} catch (const Error& error) {
    return { seed, folder, store::RunEnd::Missing, error.what() };
}

store::MethodRun makeRun(const Bench& bench, const PlannedMethod& method, const Words& more, std::int64_t seed, const fs::path& folder)
{
    Words overrides = method.overrides;
    overrides.insert(overrides.end(), more.begin(), more.end());
    overrides.push_back(concat("run.seed=", seed));
    const config::LoadedConfig loaded = config::loadConfig(method.config, overrides);
    if (bench.doing == Doing::ReportOnly)
        return foundRun(seed, folder, loaded);
    std::cerr << folder.lexically_relative(bench.runs).string() << "\n";
    store::MethodRun run { seed, folder, store::RunEnd::Complete, trainRun(loaded, method.config, folder, bench.log) };
    if (!run.reason.empty()) {
        run.end = store::RunEnd::Failed;
        bench.log.warning(concat(folder.string(), " failed: ", run.reason));
    }
    return run;
}

std::vector<store::RateTrial> tryLearningRates(const Bench& bench, const PlannedMethod& method)
{
    std::vector<store::RateTrial> trials;
    for (const double rate : method.learningRates) {
        store::RateTrial& trial = trials.emplace_back();
        trial.learningRate = rate;
        for (const std::int64_t seed : bench.plan.scanSeeds) {
            Words overrides = bench.plan.scanOverrides;
            overrides.push_back(concat("optimizer.learning_rate=", shortest(rate)));
            const fs::path folder = bench.runs / method.name / concat("scan-lr-", shortest(rate), "-seed-", seed);
            trial.runs.push_back({ makeRun(bench, method, overrides, seed, folder), store::kMissing });
        }
    }
    return trials;
}

fs::path folderOf(const Bench& bench, const PlannedMethod& method, std::int64_t seed) { return bench.runs / method.name / concat("seed-", seed); }

// Where trials are gone: the rate that the runs were made with.
std::optional<double> rateOfRuns(const Bench& bench, const PlannedMethod& method)
{
    std::error_code error;
    for (const std::int64_t seed : bench.plan.seeds)
        if (const fs::path file = folderOf(bench, method, seed) / "resolved.toml"; fs::exists(file, error))
            return config::loadConfig(file).config.optimizer.learningRate;
    return std::nullopt;
}

std::optional<double> rateOf(const std::vector<store::Method>& done, const std::string& name)
{
    for (const store::Method& method : done)
        if (method.name == name)
            return method.learningRate;
    return std::nullopt;
}

store::Method makeMethod(const Bench& bench, const PlannedMethod& planned, const std::vector<store::Method>& done)
{
    store::Method method;
    method.name = planned.name;
    method.setupSeconds = planned.setupSeconds;
    if (!planned.learningRates.empty()) {
        method.trials = tryLearningRates(bench, planned);
        method.learningRate = store::chooseLearningRate(method.trials, bench.plan.rule.metric);
        if (!method.learningRate)
            method.learningRate = rateOfRuns(bench, planned);
    } else {
        method.learningRate = rateOf(done, planned.learningRateOf);
    }
    Words overrides;
    if (method.learningRate)
        overrides.push_back(concat("optimizer.learning_rate=", shortest(*method.learningRate)));
    for (const std::int64_t seed : bench.plan.seeds)
        method.runs.push_back(makeRun(bench, planned, overrides, seed, folderOf(bench, planned, seed)));
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
    bool reportOnly = false;
    CommandLine line("bench time-to-target",
        "Trains several methods with several seeds, one run after the other, and compares what each spent to the same held-out accuracy. "
        "Goes on where it was stopped. Leaves results.json, results.md and results.db beside the runs; the window opens results.db.");
    line.add("FILE", file, "Methods, seeds and target (TOML; projects/*/time-to-target.toml are examples). Paths in it and in its overrides are relative to it")->required();
    line.add("--runs", runs, "Folder of the runs (otherwise runs/ and the name of the file's folder)");
    line.add("--method", methods, "Only these methods, the baseline, and those whose learning rate they have");
    line.flag("--report-only", reportOnly, "Train nothing: write the results of the runs that are finished, and name those that are missing");
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    requireExisting("FILE", file);
    const fs::path path = fs::absolute(file).lexically_normal();
    TimeToTargetPlan plan = readTimeToTargetPlan(path);
    keepOnly(plan, methods);
    const fs::path folder = runs.empty() ? fs::absolute(fs::path("runs") / path.parent_path().filename() / path.stem()) : fs::absolute(runs);
    if (reportOnly)
        requireExisting("--runs", folder);
    createFolders(folder);
    fs::current_path(path.parent_path()); // paths in overrides stand in the file, so they are relative to it
    const std::unique_ptr<LogSink> log = makeStderrSink(LogLevel::Warning);
    const Bench bench { plan, folder.lexically_normal(), reportOnly ? Doing::ReportOnly : Doing::TrainAndReport, *log };
    std::vector<store::Method> made;
    for (const PlannedMethod& method : plan.methods)
        made.push_back(makeMethod(bench, method, made));
    for (const store::Method& method : made) // before the tables: a report of half a benchmark is no result
        for (const std::string& shortcoming : store::shortcomings(method.name, method.trials, method.runs))
            std::cerr << shortcoming << "\n";
    const store::TimeToTarget result = store::timeToTarget(made, plan.rule);
    writeFileAtomically(folder / "results.json", store::renderJson(result) + "\n");
    writeFileAtomically(folder / "results.md", store::renderText(result));
    store::writeTimeToTarget(result, folder / "results.db");
    std::cout << (asJson ? store::renderJson(result) + "\n" : store::renderText(result));
    return 0;
}

} // namespace midpoint::app
