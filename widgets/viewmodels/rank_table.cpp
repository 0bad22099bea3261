// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/rank_table.h"

#include "backend/launch/run_state.h"
#include "widgets/viewmodels/format.h"

#include <QCoreApplication>
#include <QStringList>

#include <algorithm>
#include <map>
#include <optional>

namespace midpoint::gui {

namespace {

// Beats of two ranks are up to one interval apart: a collective that lasts no longer says nothing about who is late.
constexpr double kBeatSeconds = 4.0;
constexpr double kNotableRatio = 1.2; // of the longest wait to the shortest: below that, ranks are alike

QString say(const char* text) { return QCoreApplication::translate("ranks", text); }

double secondsSince(std::int64_t thenMs, std::int64_t nowMs)
{
    return thenMs > 0 ? std::max(0.0, static_cast<double>(nowMs - thenMs) / 1000.0) : -1.0;
}

// Ranks inside a collective wait for the one whose number is the smallest and who is not in it.
void findWaits(std::vector<RankRow>& rows, std::int64_t nowMs)
{
    const auto isIn = [nowMs](const RankRow& row) { return !row.beat.operation.empty() && secondsSince(row.beat.operationSinceMs, nowMs) >= kBeatSeconds; };
    std::int64_t reached = -1;
    for (const RankRow& row : rows)
        if (isIn(row))
            reached = std::max(reached, row.beat.sequence);
    RankRow* awaited = nullptr;
    for (RankRow& row : rows)
        if (row.hasBeat && !row.beat.outcome && row.beat.sequence < reached && (awaited == nullptr || row.beat.sequence < awaited->beat.sequence))
            awaited = &row;
    if (awaited == nullptr)
        return;
    awaited->isAwaited = true;
    for (RankRow& row : rows)
        if (&row != awaited && isIn(row) && row.beat.sequence > awaited->beat.sequence)
            row.waitsForRank = awaited->record.rank;
}

// The rank that ended the run; those that ended because it was gone are no reason.
QString failedVerdict(const std::vector<RankRow>& rows)
{
    const auto failed = std::find_if(rows.begin(), rows.end(), [](const RankRow& row) { return row.beat.outcome == launch::Outcome::Failed && !row.beat.lostPeer; });
    if (failed == rows.end())
        return {};
    return say("Rank %1 on %2 failed: %3").arg(failed->record.rank).arg(qs(failed->record.host), qs(failed->beat.reason));
}

QString silentVerdict(const std::vector<RankRow>& rows)
{
    const auto silent = std::max_element(rows.begin(), rows.end(), [](const RankRow& a, const RankRow& b) {
        return std::pair(a.isLate, a.ageSeconds) < std::pair(b.isLate, b.ageSeconds);
    });
    if (!silent->isLate)
        return {};
    return say("Rank %1 on %2 has given no sign of life for %3; its last one came from %4 of step %5.")
        .arg(silent->record.rank)
        .arg(qs(silent->record.host), duration(silent->ageSeconds), qs(silent->beat.phase))
        .arg(silent->beat.step);
}

QString waitingVerdict(const std::vector<RankRow>& rows)
{
    std::vector<std::int64_t> waiting;
    const RankRow* first = nullptr;
    const RankRow* awaited = nullptr;
    for (const RankRow& row : rows) {
        if (row.isAwaited)
            awaited = &row;
        if (row.waitsForRank < 0)
            continue;
        waiting.push_back(row.record.rank);
        if (first == nullptr || row.beat.operationSinceMs < first->beat.operationSinceMs)
            first = &row;
    }
    if (awaited == nullptr || first == nullptr)
        return {};
    const QString since = awaited->phaseSeconds >= 0 ? say(", since %1").arg(duration(awaited->phaseSeconds)) : QString();
    return (waiting.size() == 1 ? say("Rank %1 waits in %2 (number %3) for rank %4, which is in %5 of step %6%7.") : say("Ranks %1 wait in %2 (number %3) for rank %4, which is in %5 of step %6%7."))
        .arg(rankList(waiting), qs(first->beat.operation))
        .arg(first->beat.sequence)
        .arg(awaited->record.rank)
        .arg(qs(awaited->beat.phase))
        .arg(awaited->beat.step)
        .arg(since);
}

QString lastStepVerdict(const std::vector<RankRow>& rows)
{
    // Where only some ranks record their phases nobody can say who held up whom.
    std::vector<std::int64_t> timed;
    for (const RankRow& row : rows)
        if (row.workSeconds + row.waitSeconds > 0.0)
            timed.push_back(row.record.rank);
    if (timed.size() < rows.size())
        return timed.empty() ? QString() : say("Phases of the steps are recorded of rank %1 only.").arg(rankList(timed));
    const auto byWait = [](const RankRow& a, const RankRow& b) { return a.waitSeconds < b.waitSeconds; };
    const auto [late, waiting] = std::minmax_element(rows.begin(), rows.end(), byWait);
    if (waiting->waitSeconds <= 0.0 || waiting == late || waiting->waitSeconds < kNotableRatio * late->waitSeconds)
        return say("No rank held up the others in the last step.");
    return say("Rank %1 waited %2 in the last step; rank %3 was the slowest.").arg(waiting->record.rank).arg(duration(waiting->waitSeconds)).arg(late->record.rank);
}

} // namespace

std::vector<RankRow> rankRows(const RankInputs& inputs)
{
    std::map<std::int64_t, RankRow> rows;
    for (const store::RankRecord& record : inputs.records)
        rows[record.rank].record = record;
    for (const launch::Heartbeat& beat : inputs.beats) {
        RankRow& row = rows[beat.rank];
        row.beat = beat;
        row.hasBeat = true;
        row.record.rank = beat.rank;
        row.record.host = beat.host; // of this life; the record may be of an earlier one
        row.record.pid = beat.pid;
        row.ageSeconds = secondsSince(beat.wallMs, inputs.nowMs);
        row.phaseSeconds = secondsSince(beat.phaseSinceMs, inputs.nowMs);
        row.isLate = inputs.isActive && !beat.outcome && row.ageSeconds > launch::kHeartbeatLateSeconds;
    }
    std::int64_t lastStep = -1;
    for (const store::PhaseTiming& phase : inputs.phases)
        lastStep = std::max(lastStep, phase.step);
    for (const store::PhaseTiming& phase : inputs.phases)
        if (phase.step == lastStep) {
            RankRow& row = rows[phase.rank];
            row.record.rank = phase.rank;
            (phase.phase == "wait" ? row.waitSeconds : row.workSeconds) += phase.seconds;
        }
    std::vector<RankRow> result;
    for (auto& [rank, row] : rows)
        result.push_back(std::move(row));
    if (inputs.isActive)
        findWaits(result, inputs.nowMs);
    return result;
}

QString rankVerdict(const std::vector<RankRow>& rows)
{
    if (rows.empty())
        return {};
    QString verdict = rows.size() > 1 ? failedVerdict(rows) : QString();
    if (verdict.isEmpty())
        verdict = silentVerdict(rows);
    if (verdict.isEmpty())
        verdict = waitingVerdict(rows);
    if (verdict.isEmpty() && rows.size() > 1)
        verdict = lastStepVerdict(rows);
    return verdict;
}

QString rankList(const std::vector<std::int64_t>& ranks)
{
    QStringList parts;
    for (std::size_t i = 0; i < ranks.size();) {
        std::size_t end = i;
        while (end + 1 < ranks.size() && ranks[end + 1] == ranks[end] + 1)
            ++end;
        const bool isRun = end - i >= 2;
        parts << (isRun ? QStringLiteral("%1–%2").arg(ranks[i]).arg(ranks[end]) : QString::number(ranks[i]));
        i = isRun ? end + 1 : i + 1;
    }
    if (parts.size() < 2)
        return parts.join(QString());
    const QString last = parts.takeLast();
    return say("%1 and %2").arg(parts.join(QStringLiteral(", ")), last);
}

} // namespace midpoint::gui
