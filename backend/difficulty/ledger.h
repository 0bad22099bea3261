// The ledger: every graded rollout ever made, as counts and log-prob sums per prompt and step. Beliefs learn from it
// and from nothing else. (The replay buffer holds only groups with signal; learning from it would pull every estimate
// to 1/2.)
#pragma once

#include "backend/core/rollout.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace midpoint::difficulty {

// One group, as far as it was judged. Several entries of one prompt and step are possible (screening, then completion).
struct LedgerEntry {
    PromptId prompt = 0;
    std::int64_t step = 0;
    Purpose purpose = Purpose::Train;
    std::int32_t attempts = 0; // rollouts with a verdict about the response
    std::int32_t successes = 0;
    std::int32_t ungraded = 0; // the grader failed or the reference is unreadable: says nothing about the policy
    std::int64_t tokens = 0; // of all responses
    double successLogprob = 0.0; // sum over the correct responses of the behaviour log-prob of their tokens
    double failureLogprob = 0.0; // the same over the other judged responses

    double successRate() const { return attempts > 0 ? static_cast<double>(successes) / attempts : 0.0; }
    bool operator==(const LedgerEntry&) const = default;
};

struct LedgerTotals {
    std::int64_t groups = 0;
    std::int64_t rollouts = 0;
    std::int64_t successes = 0;
    std::int64_t tokens = 0;
};

LedgerEntry summarise(const Group& group);

class Ledger {
public:
    void add(const Group& group) { add(summarise(group)); }
    void add(const LedgerEntry& entry);

    // All entries in the order in which they were made: who remembers a position can go on from there.
    std::span<const LedgerEntry> entries() const { return m_entries; }
    std::vector<LedgerEntry> history(PromptId prompt) const;
    LedgerTotals totals(Purpose purpose) const { return m_totals[static_cast<std::size_t>(purpose)]; }
    // Different prompts with an entry. The held-out set is recorded elsewhere or counts as seen, too.
    std::int64_t promptsSeen() const { return static_cast<std::int64_t>(m_positions.size()); }

    // Forgets all entries from this position on: an abandoned step leaves no trace.
    void rollBack(std::size_t entryCount);

    std::string serialise() const;
    static Ledger deserialise(std::string_view bytes); // throws Error{Checkpoint}

private:
    std::vector<LedgerEntry> m_entries;
    std::unordered_map<PromptId, std::vector<std::uint32_t>> m_positions; // in m_entries
    std::array<LedgerTotals, kPurposeCount> m_totals {}; // by purpose
};

} // namespace midpoint::difficulty
