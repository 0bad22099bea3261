// `midpoint train`: one supervisor per run and host. It holds run.lock, starts one rank process per device, passes signals on, kills
// the other ranks when one dies, and writes the exit record. It holds no model and no torch.
#pragma once

#include "backend/core/clock.h"
#include "backend/core/log.h"
#include "backend/launch/exit_record.h"
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
    std::int64_t ranks = 1;
    std::string masterAddress = "127.0.0.1";
    std::int64_t masterPort = 0;            // 0: a free port is chosen
    double stopGraceSeconds = 60.0;         // from the first stop signal to SIGKILL
    double killGraceSeconds = 5.0;          // from the second stop signal to SIGKILL
    // Standard output of rank 0 as it comes (progress lines or a bar with '\r'); everything also goes to log/rank0.log.
    // Empty: to this process' standard output.
    std::function<void(std::string_view)> onProgress;
};

// Environment that each rank gets: RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT, MIDPOINT_RUN,
// MIDPOINT_PROGRESS = bar | lines (is the supervisor's standard output a terminal), MIDPOINT_COLUMNS.
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

// What a rank reads from its environment; defaults (0 of 1) when started by hand.
struct RankEnvironment {
    std::int64_t rank = 0;
    std::int64_t localRank = 0;
    std::int64_t worldSize = 1;
    std::int64_t localWorldSize = 1;
    std::string masterAddress = "127.0.0.1";
    std::int64_t masterPort = 0;
    bool wantsProgressBar = false;
    std::int64_t columns = 80;
};
RankEnvironment rankEnvironment(); // throws Error{Usage} for values that are not numbers or do not fit together

} // namespace midpoint::launch
