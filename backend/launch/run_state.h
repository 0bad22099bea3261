// The state of a run is derived from facts (lock, heartbeats, exit record), never from a stored word.
#pragma once

#include "backend/core/clock.h"
#include "backend/launch/exit_record.h"
#include "backend/launch/heartbeat.h"
#include "backend/launch/run_folder.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::launch {

enum class RunStateKind { Queued, Starting, Running, Pausing, Paused, Finished, Stopped, Failed, Lost, NoHeartbeat };

struct RunState {
    RunStateKind kind = RunStateKind::Queued;
    std::string detail; // "rank 1, signal 9", "no sign of life for 45 s", ...; may be empty
    bool operator==(const RunState&) const = default;
};

enum class LockFact {
    Free,
    Held,
    OtherHost, // the last holder is another host and the lock cannot be seen from here: heartbeats decide
};

struct HeartbeatFact {
    std::int64_t rank = 0;
    double ageSeconds = 0.0;
    std::string phase;
};

struct Facts {
    LockFact lock = LockFact::Free;
    bool wasStarted = false;      // run.lock, a heartbeat or a database exists
    bool isPauseRequested = false; // a pause command waits for its answer
    std::vector<HeartbeatFact> heartbeats;
    std::optional<ExitRecord> exit;
};

inline constexpr double kHeartbeatLateSeconds = 30.0;

RunState deriveState(const Facts& facts);

Facts observeFacts(const RunFolder& folder, const Clock& clock);
RunState observeState(const RunFolder& folder, const Clock& clock = systemClock());

const char* wordFor(RunStateKind kind);         // "RUNNING", "NO HEARTBEAT", ...
std::string describe(const RunState& state);    // "FAILED (rank 1, signal 9)"
bool isActive(RunStateKind kind);               // a process is there: Starting, Running, Pausing, Paused, NoHeartbeat

} // namespace midpoint::launch
