#include "backend/difficulty/ledger.h"

#include "backend/core/bytes.h"

#include <numeric>

namespace midpoint::difficulty {
namespace {

constexpr const char* kTag = "ledger 1";

bool isJudged(Verdict verdict)
{
    return verdict != Verdict::GraderFailed && verdict != Verdict::UnparseableReference;
}

} // namespace

LedgerEntry summarise(const Group& group)
{
    LedgerEntry entry;
    entry.prompt = group.prompt;
    entry.step = group.birthStep;
    entry.purpose = group.purpose;
    for (const Rollout& rollout : group.rollouts) {
        entry.tokens += static_cast<std::int64_t>(rollout.tokens.size());
        if (!isJudged(rollout.verdict)) {
            ++entry.ungraded;
            continue;
        }
        ++entry.attempts;
        entry.successes += rollout.isSuccess() ? 1 : 0;
        double& sum = rollout.isSuccess() ? entry.successLogprob : entry.failureLogprob;
        sum = std::accumulate(rollout.logprobs.begin(), rollout.logprobs.end(), sum);
    }
    return entry;
}

void Ledger::add(const LedgerEntry& entry)
{
    if (entry.attempts < 0 || entry.successes < 0 || entry.successes > entry.attempts)
        throw Error(ErrorKind::Internal,
            concat("ledger: ", entry.successes, " successes of ", entry.attempts, " attempts for prompt ", entry.prompt,
                " at step ", entry.step));
    m_positions[entry.prompt].push_back(static_cast<std::uint32_t>(m_entries.size()));
    m_entries.push_back(entry);
    LedgerTotals& totals = m_totals.at(static_cast<std::size_t>(entry.purpose));
    ++totals.groups;
    totals.rollouts += entry.attempts + entry.ungraded;
    totals.successes += entry.successes;
    totals.tokens += entry.tokens;
}

std::vector<LedgerEntry> Ledger::history(PromptId prompt) const
{
    std::vector<LedgerEntry> result;
    if (const auto place = m_positions.find(prompt); place != m_positions.end())
        for (const std::uint32_t position : place->second)
            result.push_back(m_entries[position]);
    return result;
}

void Ledger::rollBack(std::size_t entryCount)
{
    Ledger kept;
    if (entryCount == m_entries.size())
        return;
    for (std::size_t i = 0; i < entryCount && i < m_entries.size(); ++i)
        kept.add(m_entries[i]);
    *this = std::move(kept);
}

std::string Ledger::serialise() const
{
    ByteWriter out;
    out.putText(kTag);
    out.put(static_cast<std::uint64_t>(m_entries.size()));
    for (const LedgerEntry& entry : m_entries) {
        out.put(entry.prompt);
        out.put(entry.step);
        out.put(entry.purpose);
        out.put(entry.attempts);
        out.put(entry.successes);
        out.put(entry.ungraded);
        out.put(entry.tokens);
        out.put(entry.successLogprob);
        out.put(entry.failureLogprob);
    }
    return out.take();
}

Ledger Ledger::deserialise(std::string_view bytes)
{
    ByteReader in(bytes, "ledger");
    in.expectTag(kTag);
    const auto count = in.get<std::uint64_t>();
    Ledger ledger;
    for (std::uint64_t i = 0; i < count; ++i) {
        LedgerEntry entry;
        entry.prompt = in.get<PromptId>();
        entry.step = in.get<std::int64_t>();
        entry.purpose = in.get<Purpose>();
        entry.attempts = in.get<std::int32_t>();
        entry.successes = in.get<std::int32_t>();
        entry.ungraded = in.get<std::int32_t>();
        entry.tokens = in.get<std::int64_t>();
        entry.successLogprob = in.get<double>();
        entry.failureLogprob = in.get<double>();
        if (static_cast<std::size_t>(entry.purpose) >= kPurposeCount || entry.attempts < 0 || entry.successes < 0
            || entry.successes > entry.attempts)
            throw Error(ErrorKind::Checkpoint,
                concat("ledger: entry ", i, " of the saved state is damaged: ", entry.successes, " successes of ",
                    entry.attempts, " attempts, purpose ", static_cast<int>(entry.purpose)));
        ledger.add(entry);
    }
    in.expectEnd();
    return ledger;
}

} // namespace midpoint::difficulty
