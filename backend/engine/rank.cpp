#include "backend/engine/rank.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/engine/live_settings.h"
#include "backend/engine/run_journal.h"
#include "backend/engine/run_parts.h"
#include "backend/engine/threads.h"
#include "backend/engine/trainer.h"
#include "backend/launch/commands.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace midpoint::engine {
namespace {

namespace fs = std::filesystem;

constexpr double kCommandPollSeconds = 0.5;

// The checkpoint to go on from: the one asked for, or the run's newest complete one.
std::optional<fs::path> checkpointToResume(const RankOptions& options, LogSink& log)
{
    const fs::path own = options.runFolder / "checkpoints";
    if (options.resume == "never")
        return std::nullopt;
    if (options.resume == "auto")
        return checkpoint::newestComplete(own, log);
    const fs::path asked = options.resume;
    if (fs::exists(asked / "manifest.json"))
        return asked;
    const std::optional<fs::path> newest = checkpoint::newestComplete(asked / "checkpoints", log);
    if (!newest.has_value())
        throw Error(ErrorKind::Checkpoint,
            concat(asked.string(), ": expected a checkpoint, or a run folder with a complete one, found neither"));
    return newest;
}

// Stops the run in the middle of a step when the command says so; all other commands wait for the end of the step.
class StopWatcher {
public:
    StopWatcher(const fs::path& runFolder, std::stop_token outer)
        : m_folder(launch::RunFolder::open(runFolder))
        , m_forward(outer, [this] { m_source.request_stop(); })
        , m_thread([this](std::stop_token end) { watch(end); })
    {
    }
    std::stop_token token() const { return m_source.get_token(); }

private:
    void watch(std::stop_token end)
    {
        std::unique_lock lock(m_mutex);
        while (!end.stop_requested() && !m_source.stop_requested()) {
            try {
                for (const launch::Command& command : launch::pendingCommands(m_folder))
                    if (command.kind == launch::CommandKind::StopNow)
                        m_source.request_stop();
            } catch (const Error&) {
                // A folder that cannot be read now is looked at again; the trainer reports lasting trouble.
            }
            m_wake.wait_for(lock, end, std::chrono::duration<double>(kCommandPollSeconds), [] { return false; });
        }
    }
    launch::RunFolder m_folder;
    std::stop_source m_source;
    std::mutex m_mutex; // guards nothing; the condition needs one
    std::condition_variable_any m_wake;
    std::stop_callback<std::function<void()>> m_forward;
    std::jthread m_thread;
};

struct Start {
    std::optional<fs::path> checkpoint;
    std::optional<std::int64_t> resumedAfter; // for the journal
};

// A run that died before its first checkpoint starts again from step 0; its rows stay, hidden.
Start findStart(const RankOptions& options, LogSink& log)
{
    Start start;
    start.checkpoint = checkpointToResume(options, log);
    const bool hasDatabase = fs::exists(options.runFolder / "run.db");
    if (hasDatabase && options.resume == "never")
        throw Error(ErrorKind::Store, concat(options.runFolder.string(), ": expected a new run folder (resume = never), found run.db; "
                                             "choose another --run-dir or resume"));
    if (start.checkpoint.has_value() && hasDatabase)
        start.resumedAfter = checkpoint::verify(*start.checkpoint).step;
    else if (hasDatabase)
        start.resumedAfter = -1;
    return start;
}

RankResult train(const RankOptions& options, Session& session, launch::HeartbeatWriter& heartbeat)
{
    const Start start = findStart(options, session.log);
    RunParts parts = assembleRun(options, session);
    if (start.checkpoint.has_value()) {
        TrainerState state = parts.state();
        restoreCheckpoint(*start.checkpoint, state, parts.facts(), options.config.data.allowDatasetChange);
        parts.health.setActive(parts.progress.activeRules);
        applyLiveSettings(parts);
    }
    RunJournal journal(parts, fs::path(options.config.model.path).filename().string(), start.resumedAfter, session.log);
    if (start.checkpoint.has_value()) {
        heartbeat.setLastStep(parts.progress.step);
        journal.addEvent(parts.progress.step, store::EventLevel::Info, "resumed",
            concat("continues after step ", parts.progress.step, " from ", start.checkpoint->filename().string()));
    } else
        journal.addEvent(0, store::EventLevel::Info, "started",
            concat(parts.prompts->prompts.size(), " prompts, ", model::parameterCount(parts.model->config()), " parameters, ",
                options.config.run.dtype, " on ", options.config.run.devices.front(), ", ", at::get_num_threads(), " threads"));
    for (const store::Event& finding : parts.dataFindings)
        journal.addEvent(finding);
    RankResult result;
    try {
        result = Trainer(parts, journal, heartbeat, session).run();
    } catch (const Error& error) {
        // What can still be written is written; the reason itself goes to the exit record in any case.
        try {
            journal.addEvent(parts.progress.step, store::EventLevel::Error, "failed", error.what());
            journal.finish();
        } catch (const Error& second) {
            session.log.error(second.what());
        }
        throw;
    }
    journal.addEvent(result.lastStep, store::EventLevel::Info, result.reason, concat("after step ", result.lastStep));
    journal.finish();
    return result;
}

} // namespace

RankResult runRank(const RankOptions& options, Session& session)
{
    const ThreadScope threads(options.config.run.threads);
    launch::HeartbeatWriter heartbeat(launch::RunFolder::open(options.runFolder), options.rank);
    try {
        const StopWatcher watcher(options.runFolder, session.stop);
        Session watched { session.log, watcher.token(), session.progress };
        const RankResult result = train(options, watched, heartbeat);
        heartbeat.finish(result.reason == "finished" ? launch::Outcome::Finished : launch::Outcome::Stopped,
            concat(result.reason, " after step ", result.lastStep));
        return result;
    } catch (const c10::Error& error) {
        heartbeat.finish(launch::Outcome::Failed, error.what_without_backtrace());
        throw Error(ErrorKind::Internal, error.what_without_backtrace());
    } catch (const std::exception& error) {
        heartbeat.finish(launch::Outcome::Failed, error.what());
        throw;
    }
}

} // namespace midpoint::engine
