// `midpoint train`: one supervisor per run and host. It starts one rank process per device, passes signals on, notices a rank that
// dies or gives no sign of life, ends the others then, and that of the first host holds run.lock and writes the exit record. It
// holds no model and no torch.
#pragma once

#include "backend/core/clock.h"
#include "backend/core/log.h"
#include "backend/launch/exit_record.h"
#include "backend/launch/rank_environment.h"
#include "backend/launch/run_folder.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::launch {

struct SupervisorOptions {
    std::filesystem::path runFolder;
    std::string configText;                 // written to config.toml before the ranks start
    std::string resolvedText;               // written to resolved.toml
    // Program and arguments of a rank; "--run DIR" and "--rank N" are not added: write {run} and {rank} where they belong.
    // Default use: { executablePath(), "rank", "--run", "{run}" }; rank and world size are in the environment.
    std::vector<std::string> rankCommand;
    std::int64_t ranks = 1;                 // on this host
    // Several hosts, each with a supervisor; the first one's listens at this address for the others (node_channel.h).
    std::int64_t nodes = 1;
    std::int64_t node = 0;
    std::string masterAddress = "127.0.0.1";
    std::int64_t masterPort = 0;
    double rendezvousSeconds = 60.0;        // for the supervisors to meet
    // Started by another launcher, one process per rank: this one supervises the rank of that place alone.
    std::optional<ForeignPlace> foreign;
    std::string version;                    // of this program and of the configuration, to be compared between hosts and ranks
    std::string configHash;
    double livenessSeconds = 10.0;          // a rank or host without a sign of life for so long is lost
    double failGraceSeconds = 3.0;          // after a failure, for the other ranks to end by themselves
    double stopGraceSeconds = 60.0;         // from the first stop signal to SIGKILL
    double killGraceSeconds = 5.0;          // from the second stop signal to SIGKILL
    // Standard output of rank 0 as it comes (progress lines or a bar with '\r'); everything also goes to log/rank0.log.
    // Empty: to this process' standard output.
    std::function<void(std::string_view)> onProgress;
};

// A rank finds its place in its environment (rank_environment.h), with MIDPOINT_RUN, MIDPOINT_PROGRESS = bar | lines (is the
// supervisor's standard output a terminal) and MIDPOINT_COLUMNS.
//
// A rank ends with HeartbeatWriter::finish(outcome, reason) and exit code 0 (finished or stopped) or another (failed). The first
// SIGTERM asks it to stop with a checkpoint; a second one to stop at once.
//
// Blocks until every rank has ended. Call it from the main thread: ranks die with the thread that started them. Throws
// Error{Resource} if the run is in use, Error{Io} if the folder cannot be written; a rank's failure is in the record. A folder
// that this call made is removed again if the run fails before its database exists.
ExitRecord supervise(const SupervisorOptions& options, LogSink& log, const Clock& clock = systemClock());

// Starts a program in a session of its own, without pipes; both outputs are appended to `log`. Returns its process id.
// Throws Error{Resource} if the program cannot be started.
std::int64_t startDetached(const std::vector<std::string>& command, const std::filesystem::path& log);

std::filesystem::path executablePath(); // of this process

} // namespace midpoint::launch
