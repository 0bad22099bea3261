// midpoint train: reads the configuration, prepares the run and hands it to the supervisor.
#include "app/commands.h"
#include "app/console.h"
#include "app/run_paths.h"
#include "backend/config/checks.h"
#include "backend/config/resolved.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/launch/supervisor.h"

#include <iostream>
#include <nlohmann/json.hpp>

namespace midpoint::app {
namespace {

namespace fs = std::filesystem;

struct TrainOptions {
    std::string config;
    std::string runFolder;
    std::string resume = "auto";
    std::int64_t ranks = 0;
    bool isDryRun = false;
    bool asJson = false;
};

// --nproc N: N ranks on CPU, or on GPUs 0 to N-1, unless the configuration lists N devices itself.
std::string devicesFor(std::int64_t ranks, const std::vector<std::string>& devices)
{
    std::vector<std::string> named;
    const bool isCpu = devices.empty() || devices.front() == "cpu";
    for (std::int64_t rank = 0; rank < ranks; ++rank)
        named.push_back(isCpu ? "cpu" : concat("cuda:", rank));
    return concat("run.devices=", config::toToml(config::Value(named)));
}

config::LoadedConfig loadForTraining(const TrainOptions& options, Words overrides)
{
    config::LoadedConfig loaded = config::loadConfig(options.config, overrides);
    const auto listed = static_cast<std::int64_t>(loaded.config.run.devices.size());
    if (options.ranks == 0 || options.ranks == listed)
        return loaded;
    if (listed > 1)
        throw Error(ErrorKind::Usage, concat("--nproc: expected the ", listed, " devices of run.devices, found ", options.ranks));
    overrides.push_back(devicesFor(options.ranks, loaded.config.run.devices));
    return config::loadConfig(options.config, overrides);
}

// Checks --resume against what the run folder holds; a folder is made absolute.
std::string resumeFor(const std::string& resume, const fs::path& runFolder)
{
    std::error_code error;
    if (resume == "auto")
        return resume;
    if (resume == "never") {
        if (fs::exists(runFolder / "run.db", error) || fs::exists(runFolder / "checkpoints", error))
            throw Error(ErrorKind::Usage, concat(runFolder.string(), ": already holds a run; continue it with --resume auto, or name another "
                                                                     "folder with --run-dir"));
        return resume;
    }
    if (!fs::exists(fs::path(resume) / "manifest.json", error))
        throw Error(ErrorKind::Usage, concat("--resume: expected auto, never or a checkpoint folder (with manifest.json), found '", resume, "'"));
    return fs::absolute(resume).lexically_normal().string();
}

// A start that failed leaves no folder (launch::supervise), so its reason is all there is.
std::string logHint(const fs::path& log)
{
    std::error_code ignored;
    return fs::exists(log, ignored) ? concat(" (log: ", log.string(), ")") : std::string();
}

void printEnd(const launch::ExitRecord& record, const fs::path& runFolder, bool asJson)
{
    if (asJson) {
        const nlohmann::json json = { { "run", runFolder.string() }, { "outcome", launch::nameOf(record.outcome) }, { "reason", record.reason },
            { "last_step", record.lastStep }, { "code", launch::processExitCode(record) } };
        std::cout << json.dump(2) << "\n";
    } else if (record.outcome != launch::Outcome::Failed)
        std::cout << launch::nameOf(record.outcome) << " after step " << record.lastStep << ": " << runFolder.string() << "\n";
    if (record.outcome == launch::Outcome::Failed)
        std::cerr << "midpoint train: " << record.reason << logHint(runFolder / "log") << "\n";
}

} // namespace

int runTrain(const Words& words)
{
    TrainOptions options;
    CommandLine line("train", "Trains a model as a configuration says. Runs until it is finished or stopped (Ctrl-C: stop with a checkpoint).",
        Settings::Yes);
    line.add("CONFIG", options.config, "Configuration file (TOML)")->required();
    line.add("--run-dir", options.runFolder, "Run folder (otherwise runs/NAME)");
    line.add("--resume", options.resume, "auto: go on from the newest complete checkpoint if there is one; never; or a checkpoint folder");
    line.add("--nproc", options.ranks, "Ranks on this machine (otherwise one per device in run.devices)")->check(CLI::Range(1, 1024));
    line.flag("--dry-run", options.isDryRun, "Print the resolved configuration and end; with --run-dir write it there as resolved.toml");
    line.flag("--json", options.asJson, "Print one JSON object on standard output; progress goes to standard error");
    if (!line.parse(words))
        return 0;

    const config::LoadedConfig loaded = loadForTraining(options, line.overrides());
    printWarnings(loaded.warnings);
    const std::string resolved = config::resolvedToml(loaded);
    if (options.isDryRun) {
        std::cout << (options.asJson ? config::resolvedJson(loaded) + "\n" : resolved);
        if (!options.runFolder.empty()) {
            createFolders(options.runFolder);
            writeFileAtomically(fs::path(options.runFolder) / "resolved.toml", resolved);
        }
        return 0;
    }
    printWarnings(config::requireFiles(loaded));

    const fs::path runFolder = options.runFolder.empty() ? fs::path("runs") / loaded.config.run.name : fs::path(options.runFolder);
    launch::SupervisorOptions run;
    run.runFolder = fs::absolute(runFolder).lexically_normal();
    run.configText = readFile(options.config);
    run.resolvedText = resolved;
    run.ranks = static_cast<std::int64_t>(loaded.config.run.devices.size());
    run.rankCommand = { launch::executablePath().string(), "rank", "--run", "{run}", "--resume", resumeFor(options.resume, run.runFolder) };
    if (options.asJson)
        run.onProgress = [](std::string_view text) { std::cerr << text << std::flush; };
    const std::unique_ptr<LogSink> log = makeStderrSink(LogLevel::Info);
    const launch::ExitRecord record = launch::supervise(run, *log);
    printEnd(record, run.runFolder, options.asJson);
    return launch::processExitCode(record);
}

} // namespace midpoint::app
