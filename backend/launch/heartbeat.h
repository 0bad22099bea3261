// heartbeat/<host>.<rank>: a small file that each rank rewrites every few seconds from a thread of its own, so that it stays fresh
// inside long phases and collectives. It says the step, the phase and the operation of all ranks it takes part in, and at the end
// the outcome. The same beat goes to the supervisor through a pipe from another thread, which no slow file system can hold up.
#pragma once

#include "backend/core/clock.h"
#include "backend/launch/exit_record.h"
#include "backend/launch/run_folder.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::launch {

struct Heartbeat {
    std::string host;
    std::int64_t rank = 0;
    std::int64_t pid = 0;
    std::int64_t wallMs = 0;        // of this beat
    std::int64_t step = 0;          // the step being worked on
    std::int64_t lastStep = -1;     // the last completed step
    std::string phase;              // "starting", "generate", "update", "paused", ...
    std::int64_t phaseSinceMs = 0;
    // What this rank does together with the others right now: the name of the collective and its number, which every rank counts
    // alike. The rank with the smallest number is the one that the others wait for. Empty and -1: nothing of that kind yet.
    std::string operation;
    std::int64_t sequence = -1;
    std::int64_t operationSinceMs = 0;
    std::optional<Outcome> outcome; // set by finish()
    std::string reason;
    std::int64_t code = 0;          // with which it exits then
    bool lostPeer = false;          // it ended because another rank was gone
};

// Phase words that decide the state shown; all other words mean running.
inline constexpr std::string_view kPhaseStarting = "starting";
inline constexpr std::string_view kPhasePaused = "paused";

struct HeartbeatOptions {
    double intervalSeconds = 2.0;
    const Clock* clock = nullptr;
    int descriptor = -1; // of a pipe to the supervisor (RankEnvironment::beatDescriptor); -1: none
};

// A beat as it goes through the pipe, one line of text; nothing for other text.
std::string toText(const Heartbeat& beat);
std::optional<Heartbeat> beatFromText(const std::string& text);
// Where a rank was: "step 12, in update, in operation 340 (reduce gradients)".
std::string placeOf(const Heartbeat& beat);

// Used by a rank. Thread-safe. Trouble with writing a beat never disturbs training.
class HeartbeatWriter {
public:
    HeartbeatWriter(const RunFolder& folder, std::int64_t rank, HeartbeatOptions options = {});
    ~HeartbeatWriter(); // stops the thread; the file stays
    HeartbeatWriter(const HeartbeatWriter&) = delete;
    HeartbeatWriter& operator=(const HeartbeatWriter&) = delete;

    void setPhase(std::int64_t step, std::string_view phase); // cheap: written at the next beat
    // A collective begins (kept until endOperation) or is over; the number stays. Cheap: written at the next beat.
    void beginOperation(std::string_view name, std::int64_t sequence);
    void endOperation();
    void setLastStep(std::int64_t step);                      // a step is committed; the supervisor learns of it at once
    // The last beat, written at once: how this rank ends and why. The supervisor puts it into the exit record, and those of other
    // hosts end with the same code.
    void finish(Outcome outcome, std::string_view reason);
    void fail(std::string_view reason, std::int64_t code);
    void finishWithoutPeer(std::string_view reason); // failed, but another rank is the reason

private:
    class Impl;
    std::unique_ptr<Impl> m_impl;
};

// All readable heartbeats of a run, by rank.
std::vector<Heartbeat> readHeartbeats(const RunFolder& folder);
void removeHeartbeats(const RunFolder& folder);
// Writes the end of a rank that could not do it itself, for the window and for the ranks that still live.
void recordDeath(const RunFolder& folder, Heartbeat last, std::string_view reason);

} // namespace midpoint::launch
