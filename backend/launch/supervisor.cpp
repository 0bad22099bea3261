#include "backend/launch/supervisor.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/launch/heartbeat.h"
#include "backend/launch/supervision.h"

#include <csignal>
#include <sys/prctl.h>

namespace midpoint::launch {
namespace {

// A run that failed before it made its database has nothing worth keeping; its reason has been told.
void removeFailedStart(const RunFolder& folder, LogSink& log)
{
    std::error_code error;
    if (std::filesystem::exists(folder.database(), error) || !std::filesystem::is_empty(folder.checkpoints(), error))
        return;
    std::filesystem::remove_all(folder.path(), error);
    if (error)
        log.error(concat(folder.path().string(), ": the folder of the failed start cannot be removed: ", error.message()));
}

// What the supervisor that holds the lock does before and after.
ExitRecord superviseFirst(const SupervisorOptions& options, const RunFolder& folder, bool isOurs, LogSink& log, const Clock& clock)
{
    const RunLock lock = RunLock::acquire(folder);
    removeExitRecord(folder);
    removeHeartbeats(folder);
    if (!options.configText.empty())
        writeFileAtomically(folder.config(), options.configText);
    if (!options.resolvedText.empty())
        writeFileAtomically(folder.resolved(), options.resolvedText);
    ExitRecord record;
    try {
        record = Supervision(options, folder, folder.resolved(), log, clock).run();
    } catch (const Error& cause) {
        record.outcome = Outcome::Failed;
        record.code = exitCode(cause.kind());
        record.reason = cause.what();
        record.wallMs = clock.wallMilliseconds();
        record.host = hostName();
        writeExitRecord(folder, record);
        throw;
    }
    try {
        writeExitRecord(folder, record);
    } catch (const Error& cause) {
        log.error(concat("the run's end cannot be recorded: ", cause.what())); // its outcome is still returned
    }
    if (isOurs && record.outcome == Outcome::Failed)
        removeFailedStart(folder, log);
    return record;
}

// The ranks of another host, or of another place of the same launcher: lock and records are the first one's.
ExitRecord superviseOther(const SupervisorOptions& options, const RunFolder& folder, const std::string& name, LogSink& log, const Clock& clock)
{
    const std::filesystem::path resolved = folder.log(0).parent_path() / concat("resolved.", name, ".toml");
    writeFileAtomically(resolved, options.resolvedText);
    return Supervision(options, folder, resolved, log, clock).run();
}

} // namespace

ExitRecord supervise(const SupervisorOptions& options, LogSink& log, const Clock& clock)
{
    std::error_code ignored;
    const bool isOurs = !std::filesystem::exists(options.runFolder, ignored);
    const RunFolder folder = RunFolder::create(options.runFolder);
    const std::int64_t place = options.foreign ? options.foreign->environment.rank : options.node;
    if (options.foreign)
        ::prctl(PR_SET_PDEATHSIG, SIGTERM); // a launcher that dies takes its run with it
    return place == 0 ? superviseFirst(options, folder, isOurs, log, clock)
                      : superviseOther(options, folder, concat(options.foreign ? "rank" : "host", place), log, clock);
}

} // namespace midpoint::launch
