#include "backend/launch/run_state.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/launch/commands.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace midpoint::launch {
namespace {

const HeartbeatFact* stalest(const Facts& facts)
{
    const auto found = std::ranges::max_element(facts.heartbeats, {}, &HeartbeatFact::ageSeconds);
    return found == facts.heartbeats.end() ? nullptr : &*found;
}

bool isLate(const HeartbeatFact& beat)
{
    return beat.ageSeconds > kHeartbeatLateSeconds;
}

bool allIn(const Facts& facts, std::string_view phase)
{
    return std::ranges::all_of(facts.heartbeats, [&](const HeartbeatFact& beat) { return beat.phase == phase; });
}

RunState stateOfLiving(const Facts& facts)
{
    const HeartbeatFact* oldest = stalest(facts);
    if (oldest == nullptr)
        return { RunStateKind::Starting, {} };
    if (isLate(*oldest))
        return { RunStateKind::NoHeartbeat,
                 concat("rank ", oldest->rank, " gave no sign of life for ", std::llround(oldest->ageSeconds), " s, last in ", oldest->phase) };
    if (allIn(facts, kPhaseStarting))
        return { RunStateKind::Starting, {} };
    if (allIn(facts, kPhasePaused))
        return { RunStateKind::Paused, {} };
    if (facts.isPauseRequested)
        return { RunStateKind::Pausing, {} };
    return { RunStateKind::Running, {} };
}

std::string failureOf(const ExitRecord& exit)
{
    std::string end;
    if (exit.signal != 0)
        end = concat("signal ", exit.signal);
    else if (exit.code != 0)
        end = concat("exit code ", exit.code);
    std::vector<std::string> facts;
    if (exit.rank >= 0)
        facts.push_back(concat("rank ", exit.rank));
    if (!end.empty() && !exit.reason.starts_with(end)) // nothing twice: where nobody knows more, the end is the reason
        facts.push_back(end);
    const std::string who = join(facts, ", ");
    return who.empty() || exit.reason.empty() ? who + exit.reason : concat(who, ": ", exit.reason);
}

RunState stateOfEnded(const ExitRecord& exit)
{
    switch (exit.outcome) {
    case Outcome::Finished:
        return { RunStateKind::Finished, {} };
    case Outcome::Stopped:
        return { RunStateKind::Stopped, exit.lastStep >= 0 ? concat("after step ", exit.lastStep) : std::string() };
    case Outcome::Failed:
        return { RunStateKind::Failed, failureOf(exit) };
    }
    return {};
}

LockFact observeLock(const RunFolder& folder)
{
    if (lockHolder(folder))
        return LockFact::Held;
    const auto last = lastLockHolder(folder);
    return last && last->host != hostName() ? LockFact::OtherHost : LockFact::Free;
}

std::optional<ExitRecord> observeExit(const RunFolder& folder)
{
    try {
        return readExitRecord(folder);
    } catch (const Error&) {
        return std::nullopt; // a damaged record counts as none; inspect shows why
    }
}

} // namespace

RunState deriveState(const Facts& facts)
{
    if (facts.lock == LockFact::Held)
        return stateOfLiving(facts);
    if (facts.exit)
        return stateOfEnded(*facts.exit);
    if (facts.lock == LockFact::OtherHost) {
        const auto freshest = std::ranges::min_element(facts.heartbeats, {}, &HeartbeatFact::ageSeconds);
        if (freshest != facts.heartbeats.end() && !isLate(*freshest))
            return stateOfLiving(facts);
    }
    if (!facts.wasStarted)
        return { RunStateKind::Queued, {} };
    return { RunStateKind::Lost, "the process is gone and left no exit record" };
}

Facts observeFacts(const RunFolder& folder, const Clock& clock)
{
    constexpr double kMsPerSecond = 1000.0;
    Facts facts;
    // In this order: a supervisor writes the record before it lets go of the lock, so a free lock is never seen without it. The
    // second look is for a supervisor that starts in this moment: it takes the lock and removes the old record.
    facts.lock = observeLock(folder);
    facts.exit = observeExit(folder);
    if (facts.lock != LockFact::Held && !facts.exit)
        facts.lock = observeLock(folder);
    for (const Heartbeat& beat : readHeartbeats(folder))
        facts.heartbeats.push_back({ beat.rank, static_cast<double>(clock.wallMilliseconds() - beat.wallMs) / kMsPerSecond, beat.phase });
    std::error_code ignored;
    facts.wasStarted = lastLockHolder(folder).has_value() || !facts.heartbeats.empty() || std::filesystem::exists(folder.database(), ignored);
    for (const Command& command : pendingCommands(folder)) {
        if (command.kind == CommandKind::Pause)
            facts.isPauseRequested = true;
        if (command.kind == CommandKind::Continue)
            facts.isPauseRequested = false;
    }
    return facts;
}

RunState observeState(const RunFolder& folder, const Clock& clock)
{
    return deriveState(observeFacts(folder, clock));
}

const char* wordFor(RunStateKind kind)
{
    switch (kind) {
    case RunStateKind::Queued:
        return "QUEUED";
    case RunStateKind::Starting:
        return "STARTING";
    case RunStateKind::Running:
        return "RUNNING";
    case RunStateKind::Pausing:
        return "PAUSING";
    case RunStateKind::Paused:
        return "PAUSED";
    case RunStateKind::Finished:
        return "FINISHED";
    case RunStateKind::Stopped:
        return "STOPPED";
    case RunStateKind::Failed:
        return "FAILED";
    case RunStateKind::Lost:
        return "LOST";
    case RunStateKind::NoHeartbeat:
        return "NO HEARTBEAT";
    }
    return "UNKNOWN";
}

std::string describe(const RunState& state)
{
    return state.detail.empty() ? std::string(wordFor(state.kind)) : concat(wordFor(state.kind), " (", state.detail, ")");
}

bool isActive(RunStateKind kind)
{
    switch (kind) {
    case RunStateKind::Starting:
    case RunStateKind::Running:
    case RunStateKind::Pausing:
    case RunStateKind::Paused:
    case RunStateKind::NoHeartbeat:
        return true;
    default:
        return false;
    }
}

} // namespace midpoint::launch
