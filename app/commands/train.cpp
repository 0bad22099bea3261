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

#include <algorithm>
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
    std::int64_t nodes = 0; // 0: not given
    std::int64_t node = 0;
    std::string master;
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

// Values alone: where they came from (the comments) may differ between hosts.
std::string configHash(const std::string& resolved)
{
    std::string values;
    for (const std::string& line : split(resolved, '\n'))
        values += line.starts_with('#') ? std::string() : line.substr(0, line.rfind("  # ")) + "\n";
    return checksum(values);
}

void putHosts(const TrainOptions& options, launch::SupervisorOptions& run)
{
    if (options.nodes == 0 && (!options.master.empty() || options.node > 0))
        throw Error(ErrorKind::Usage, concat(options.master.empty() ? "--node-rank" : "--master", ": expected --nnodes N as well, the number of hosts of the run"));
    if (options.node >= std::max<std::int64_t>(1, options.nodes))
        throw Error(ErrorKind::Usage, concat("--node-rank: expected 0 to ", options.nodes - 1, " with --nnodes ", options.nodes, ", found ", options.node));
    if (options.nodes <= 1)
        return; // a script that counts its hosts may count one
    const std::size_t colon = options.master.rfind(':');
    const std::string port = colon == std::string::npos ? "" : options.master.substr(colon + 1);
    constexpr std::int64_t kLastPort = 65535;
    run.nodes = options.nodes;
    run.node = options.node;
    run.masterAddress = options.master.substr(0, colon == std::string::npos ? 0 : colon);
    if (run.masterAddress.starts_with('[') && run.masterAddress.ends_with(']'))
        run.masterAddress = run.masterAddress.substr(1, run.masterAddress.size() - 2); // of IPv6
    run.masterPort = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos ? std::stoll(port) : 0;
    if (run.masterAddress.empty() || run.masterPort < 1 || run.masterPort > kLastPort)
        throw Error(ErrorKind::Usage, concat("--master: expected HOST:PORT of the host with --node-rank 0, found '", options.master, "'"));
}

// One process per rank, started by torchrun, srun or mpirun.
void putForeignPlace(const TrainOptions& options, const config::RunConfig& config, launch::SupervisorOptions& run)
{
    run.foreign = launch::foreignPlace();
    if (!run.foreign)
        return;
    const launch::RankEnvironment& place = run.foreign->environment;
    if (options.nodes > 1)
        throw Error(ErrorKind::Usage, concat("--nnodes: ", run.foreign->launcher, " has started the ranks already; give the number of hosts to it"));
    const auto devices = static_cast<std::int64_t>(config.run.devices.size());
    if (options.ranks > 1 || (devices > 1 && devices < place.localWorldSize))
        throw Error(ErrorKind::Usage, concat(run.foreign->launcher, " started ", place.localWorldSize, " ranks on this host; found ",
                                          options.ranks > 1 ? concat("--nproc ", options.ranks) : concat(devices, " devices in run.devices")));
    run.ranks = 1;
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
        Settings::All);
    line.add("CONFIG", options.config, "Configuration file (TOML)")->required();
    line.add("--run-dir", options.runFolder, "Run folder (otherwise runs/NAME)");
    line.add("--resume", options.resume, "auto: go on from the newest complete checkpoint if there is one; never; or a checkpoint folder");
    line.options().add_option("--nproc", options.ranks, "Ranks on this machine (otherwise one per device in run.devices)")->check(CLI::Range(1, 1024));
    line.options().add_option("--nnodes", options.nodes, "Hosts of the run; the same command is started on each, in a run folder that all see")->check(CLI::Range(1, 4096));
    line.options().add_option("--node-rank", options.node, "This host's number, the first is 0")->check(CLI::Range(0, 4095));
    line.add("--master", options.master, "HOST:PORT of host 0, where it listens for the others");
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
    run.version = MIDPOINT_VERSION;
    run.configHash = configHash(resolved);
    run.rendezvousSeconds = loaded.config.run.rendezvousSeconds;
    run.livenessSeconds = loaded.config.run.livenessSeconds;
    putHosts(options, run);
    putForeignPlace(options, loaded.config, run);
    run.rankCommand = { launch::executablePath().string(), "rank", "--run", "{run}", "--resume", resumeFor(options.resume, run.runFolder) };
    if (options.asJson)
        run.onProgress = [](std::string_view text) { std::cerr << text << std::flush; };
    const std::unique_ptr<LogSink> log = makeStderrSink(LogLevel::Info);
    const launch::ExitRecord record = launch::supervise(run, *log);
    printEnd(record, run.runFolder, options.asJson);
    return launch::processExitCode(record);
}

} // namespace midpoint::app
