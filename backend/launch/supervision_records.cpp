// How a rank or a run ended, in words: what the supervisor puts into its log and into exit.json.
#include "backend/launch/supervision.h"

#include "backend/core/text.h"

#include <algorithm>
#include <csignal>

namespace midpoint::launch {
namespace {

// The last line that can be the reason of a failure: no message about what goes well.
std::string lastComplaint(std::string_view text)
{
    std::string found;
    for (const std::string& line : split(text, '\n')) {
        const std::optional<LogLine> message = parseLogLine(line);
        if (!message.has_value() && !line.empty())
            found = line;
        else if (message.has_value() && message->level >= LogLevel::Warning)
            found = message->text;
    }
    return found;
}

void putPlace(ExitRecord& record, const Heartbeat& beat)
{
    if (beat.pid == 0)
        return; // it gave no sign of life at all
    record.host = beat.host;
    record.step = beat.step;
    record.phase = beat.phase;
    if (!beat.operation.empty())
        record.operation = concat(beat.sequence, " (", beat.operation, ")");
}

} // namespace

// From the pipe, or from the file where a rank uses none.
Heartbeat Supervision::lastBeat(const Rank& rank) const
{
    if (rank.lastSign > 0.0)
        return rank.last;
    const std::vector<Heartbeat> beats = readHeartbeats(m_folder);
    const auto found = std::ranges::find(beats, rank.number, &Heartbeat::rank);
    return found == beats.end() ? Heartbeat() : *found;
}

ExitRecord Supervision::describeFailure(const Rank& rank, const ProcessEnd& end) const
{
    ExitRecord record;
    record.host = hostName();
    const Heartbeat beat = lastBeat(rank);
    putPlace(record, beat);
    record.code = end.signal != 0 ? 128 + end.signal : end.code;
    record.signal = end.signal;
    // A rank that had not yet installed its handler ends by the first request itself.
    if (m_stopRequests >= 2 || (m_stopRequests == 1 && end.signal == SIGTERM)) {
        record.outcome = Outcome::Stopped;
        record.reason = "stopped at once on request";
        return record;
    }
    record.outcome = Outcome::Failed;
    record.rank = rank.number;
    record.reason = reasonOf(rank, beat, end);
    return record;
}

std::string Supervision::reasonOf(const Rank& rank, const Heartbeat& beat, const ProcessEnd& end) const
{
    if (m_wasKilled)
        return concat("it did not stop within ", shortest(m_options.stopGraceSeconds), " s and was killed");
    if (beat.outcome == Outcome::Failed && !beat.reason.empty())
        return beat.reason;
    const std::string complaint = lastComplaint(rank.lastErrors);
    if (!complaint.empty() && end.signal != SIGKILL) // killed from outside: its own words do not say why
        return complaint;
    return beat.pid == 0 ? describeEnd(end) : concat(describeEnd(end), " at ", placeOf(beat));
}

// A rank of another supervisor that is the reason: its end stands in its heartbeat.
std::optional<ExitRecord> Supervision::failureInFiles() const
{
    for (const Heartbeat& beat : readHeartbeats(m_folder)) {
        const bool isOwn = std::ranges::any_of(m_ranks, [&](const Rank& rank) { return rank.number == beat.rank; });
        if (isOwn || beat.outcome != Outcome::Failed || beat.lostPeer)
            continue;
        ExitRecord record;
        putPlace(record, beat);
        record.outcome = Outcome::Failed;
        record.code = beat.code;
        record.rank = beat.rank;
        record.reason = beat.reason;
        return record;
    }
    return std::nullopt;
}

ExitRecord Supervision::makeRecord() const
{
    ExitRecord record;
    if (m_failure)
        record = *m_failure;
    else {
        const Heartbeat beat = m_ranks.empty() ? Heartbeat() : lastBeat(m_ranks.front());
        record.host = hostName();
        record.outcome = beat.outcome.value_or(m_stopRequests > 0 ? Outcome::Stopped : Outcome::Finished);
        record.reason = beat.reason;
    }
    record.wallMs = m_clock.wallMilliseconds();
    for (const Heartbeat& beat : readHeartbeats(m_folder))
        record.lastStep = std::max(record.lastStep, beat.lastStep);
    for (const Rank& rank : m_ranks)
        record.lastStep = std::max(record.lastStep, rank.last.lastStep);
    return record;
}

} // namespace midpoint::launch
