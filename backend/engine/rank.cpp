#include "backend/engine/rank.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/engine/live_settings.h"
#include "backend/engine/peer_watch.h"
#include "backend/engine/run_journal.h"
#include "backend/engine/run_parts.h"
#include "backend/engine/threads.h"
#include "backend/engine/trainer.h"
#include "backend/engine/worker.h"
#include "backend/launch/commands.h"
#include "backend/launch/peer_lost.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace midpoint::engine {
namespace {

namespace fs = std::filesystem;

constexpr double kCommandPollSeconds = 0.5;

// Going on from step 0 would hide the work that damaged checkpoints stand for; whoever wants that takes another folder.
void refuseDamaged(const fs::path& checkpoints)
{
    const std::vector<fs::path> folders = checkpoint::list(checkpoints);
    if (folders.empty())
        return;
    try {
        checkpoint::verify(folders.back());
    } catch (const Error& damage) {
        throw Error(ErrorKind::Checkpoint, concat(checkpoints.string(), ": expected a complete checkpoint to go on from, found ", folders.size(),
            " damaged; the newest: ", damage.what(), " (a new --run-dir starts from the beginning)"));
    }
}

// The checkpoint to go on from: the one asked for, or the run's newest complete one.
std::optional<fs::path> checkpointToResume(const RankOptions& options, LogSink& log)
{
    const fs::path own = options.runFolder / "checkpoints";
    if (options.resume == "never")
        return std::nullopt;
    if (options.resume == "auto") {
        std::optional<fs::path> newest = checkpoint::newestComplete(own, log);
        if (!newest.has_value())
            refuseDamaged(own);
        return newest;
    }
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

// What can still be written is written; the reason itself goes to the exit record in any case.
void recordFailure(RunJournal& journal, std::int64_t step, const std::string& reason, LogSink& log)
{
    try {
        journal.addEvent(step, store::EventLevel::Error, "failed", reason);
        journal.finish();
    } catch (const Error& error) {
        log.error(error.what());
    }
}

// The rank that is gone, as its supervisor or it itself has written. A supervisor needs a moment to notice.
std::optional<std::string> lostRank(const RunParts& parts)
{
    constexpr double kPatienceSeconds = 1.5;
    constexpr double kLookSeconds = 0.05;
    const launch::RunFolder folder = launch::RunFolder::open(parts.runFolder);
    const double deadline = systemClock().steadySeconds() + kPatienceSeconds;
    do {
        if (auto failed = failedRank(folder))
            return failed;
        systemClock().sleepFor(kLookSeconds);
    } while (systemClock().steadySeconds() < deadline);
    return std::nullopt;
}

// What the ranks said to each other, and how long rank 0 was in it: waiting for the slowest is part of that.
void logTraffic(const Crew& crew, LogSink& log)
{
    constexpr double kMegabyte = 1e6;
    for (const distributed::Traffic& traffic : crew.traffic())
        log.info(concat("between ranks: ", traffic.name, ": ", traffic.calls, " times, ",
            fixed(static_cast<double>(traffic.bytes) / kMegabyte, 1), " MB, ", formatDuration(traffic.seconds)));
}

// Rank 0: everything that decides and everything that is written.
RankResult train(const Start& start, RunParts& parts, Session& session, launch::HeartbeatWriter& heartbeat)
{
    const config::RunConfig& config = parts.config;
    RunJournal journal(parts, fs::path(config.model.path).filename().string(), start.resumedAfter, session.log);
    if (start.checkpoint.has_value()) {
        heartbeat.setLastStep(parts.progress.step);
        journal.addEvent(parts.progress.step, store::EventLevel::Info, "resumed",
            concat("continues after step ", parts.progress.step, " from ", start.checkpoint->filename().string()));
    } else
        journal.addEvent(0, store::EventLevel::Info, "started",
            concat(parts.prompts->prompts.size(), " prompts, ", model::parameterCount(parts.model->config()), " parameters, ",
                config.run.dtype, " on ", config.run.devices.front(), ", ", at::get_num_threads(),
                at::get_num_threads() == 1 ? " thread" : " threads",
                parts.crew->size() > 1 ? concat(" on each of ", parts.crew->size(), " ranks, through ", parts.meeting.through) : std::string()));
    for (const store::Event& finding : parts.dataFindings)
        journal.addEvent(finding);
    journal.addEvent(memoryEvent(parts.memory, parts.progress.step));
    RankResult result;
    try {
        if (triesWorstCase(parts.config))
            for (const store::Event& event : tryWorstCase(parts))
                journal.addEvent(event);
        result = Trainer(parts, journal, heartbeat, session).run();
        parts.crew->end(result.lastStep, result.reason);
        logTraffic(*parts.crew, session.log);
    } catch (const launch::PeerLost& lost) {
        recordFailure(journal, parts.progress.step, lostRank(parts).value_or(lost.what()), session.log);
        throw;
    } catch (const Error& error) {
        recordFailure(journal, parts.progress.step, error.what(), session.log);
        throw;
    }
    journal.addEvent(result.lastStep, store::EventLevel::Info, result.reason, concat("after step ", result.lastStep));
    journal.finish();
    return result;
}

// All ranks go on from the same checkpoint; rank 0 has verified it.
RankResult work(const RankOptions& options, Session& session, launch::HeartbeatWriter& heartbeat)
{
    const bool isFirst = options.place.rank == 0;
    const Start start = isFirst ? findStart(options, session.log) : Start {};
    RunParts parts = assembleRun(options, session,
        [&heartbeat](std::int64_t sequence, std::string_view name) {
            if (name.empty())
                heartbeat.endOperation();
            else
                heartbeat.beginOperation(name, sequence);
        });
    std::optional<PeerWatch> watch;
    if (parts.computesOnDevice())
        watch.emplace(options.runFolder, *parts.meeting.communicator);
    const std::string checkpoint = parts.meeting.communicator->broadcastObject(
        start.checkpoint.has_value() ? start.checkpoint->string() : std::string(), 0, "checkpoint to go on from");
    if (!isFirst) {
        if (!checkpoint.empty())
            restoreTrained(checkpoint, *parts.model, *parts.update);
        if (triesWorstCase(parts.config))
            for (const store::Event& event : tryWorstCase(parts))
                session.log.info(event.message);
        return serveOrders(parts, heartbeat, session);
    }
    if (start.checkpoint.has_value()) {
        TrainerState state = parts.state();
        restoreCheckpoint(*start.checkpoint, state, parts.facts(), options.config.data.allowDatasetChange);
        parts.health.setActive(parts.progress.activeRules);
        applyLiveSettings(parts);
    }
    return train(start, parts, session, heartbeat);
}

std::int64_t threadsOf(const RankOptions& options)
{
    const std::int64_t threads = options.config.run.threads;
    return threads != 0 ? threads : defaultThreads(options.place.localWorldSize);
}

launch::HeartbeatOptions heartbeatOptions(const RankOptions& options)
{
    constexpr double kUsualSeconds = 2.0;
    constexpr double kBeatsPerDeadline = 5.0;
    launch::HeartbeatOptions beats;
    beats.intervalSeconds = std::min(kUsualSeconds, options.config.run.livenessSeconds / kBeatsPerDeadline);
    beats.descriptor = options.place.beatDescriptor;
    return beats;
}

} // namespace

RankResult runRank(const RankOptions& options, Session& session)
{
    const ThreadScope threads(threadsOf(options));
    launch::HeartbeatWriter heartbeat(launch::RunFolder::open(options.runFolder), options.place.rank, heartbeatOptions(options));
    try {
        const StopWatcher watcher(options.runFolder, session.stop);
        Session watched { session.log, watcher.token(), session.progress };
        const RankResult result = work(options, watched, heartbeat);
        heartbeat.finish(result.reason == "finished" ? launch::Outcome::Finished : launch::Outcome::Stopped,
            concat(result.reason, " after step ", result.lastStep));
        return result;
    } catch (const c10::Error& error) {
        heartbeat.fail(error.what_without_backtrace(), exitCode(ErrorKind::Internal));
        throw Error(ErrorKind::Internal, error.what_without_backtrace());
    } catch (const launch::PeerLost& error) {
        heartbeat.finishWithoutPeer(error.what());
        throw;
    } catch (const Error& error) {
        heartbeat.fail(error.what(), exitCode(error.kind()));
        throw;
    } catch (const std::exception& error) {
        heartbeat.fail(error.what(), exitCode(ErrorKind::Internal));
        throw;
    }
}

} // namespace midpoint::engine
