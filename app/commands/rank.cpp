// midpoint rank: one rank of a run, started by the supervisor in a prepared run folder.
#include "app/commands.h"
#include "app/console.h"
#include "app/modules.h"
#include "backend/config/load.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/launch/heartbeat.h"
#include "backend/launch/run_folder.h"
#include "backend/launch/supervisor.h"

namespace midpoint::app {
namespace {

struct RankStart {
    engine::RankOptions options;
    engine::EngineApi* engine = nullptr;
};

RankStart prepare(const launch::RunFolder& folder, const launch::RankEnvironment& environment, const std::string& resume)
{
    RankStart start;
    start.options.runFolder = folder.path();
    const std::filesystem::path resolved = environment.resolvedFile.empty() ? folder.resolved() : std::filesystem::path(environment.resolvedFile);
    start.options.resolvedToml = readFile(resolved);
    start.options.config = config::loadConfig(resolved).config;
    start.options.resume = resume;
    start.options.place = environment;
    start.engine = &openEngine();
    return start;
}

} // namespace

int runRank(const Words& words)
{
    std::string run;
    std::string resume = "auto";
    CommandLine line("rank", "One rank of a run; `midpoint train` starts it. Rank and world size come from the environment.");
    line.add("--run", run, "Run folder with resolved.toml")->required();
    line.add("--resume", resume, "auto, never or a checkpoint folder");
    if (!line.parse(words))
        return 0;
    const launch::RunFolder folder = launch::RunFolder::open(run);
    const launch::RankEnvironment environment = launch::rankEnvironment();
    RankStart start;
    try {
        start = prepare(folder, environment, resume);
    } catch (const Error& error) {
        // The engine reports its own end; before it is there, the reason would be lost.
        launch::HeartbeatWriter(folder, environment.rank).fail(error.what(), exitCode(error.kind()));
        throw;
    }
    const std::unique_ptr<LogSink> log = makeStderrSink(LogLevel::Info);
    const StopSignals signals;
    ProgressDisplay progress(stdout, environment.wantsProgressBar ? ProgressStyle::Bar : ProgressStyle::Lines, environment.columns);
    engine::Session session { *log, signals.token(), [&progress](const engine::Progress& state) { progress.show(state); } };
    start.engine->runRank(start.options, session);
    return 0;
}

} // namespace midpoint::app
