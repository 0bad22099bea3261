// How long a response to each prompt is expected to be: what a rollout of it costs. A head on the same features as the
// success rate, fitted every round to the newest groups with a trend for all prompts, beside what the prompt's own
// responses took. Lengths are shares of the longest response that is allowed, so that the head's answers stay in range.
#pragma once

#include "backend/core/bytes.h"
#include "backend/difficulty/ledger.h"
#include "backend/difficulty/logistic.h"

#include <cstdint>
#include <span>
#include <vector>

namespace midpoint::difficulty {

class LengthEstimate {
public:
    // `decay`: weight of a prompt's own responses per step of their age.
    LengthEstimate(std::int64_t prompts, std::int64_t longestTokens, double decay);

    void add(std::int64_t index, const LedgerEntry& entry);
    // Of the group's responses, in (0, 1): a target of the head.
    double share(const LedgerEntry& entry) const;
    // `problem` observes share() of some groups.
    void fit(const LogisticProblem& problem);
    bool isFitted() const { return m_isFitted; }
    // Of a response to each prompt of the pool; needs a fit.
    std::vector<double> tokens(const Features& features, std::int64_t step) const;

    void save(ByteWriter& out) const;
    void restore(ByteReader& in);

private:
    struct Own {
        double tokens = 0.0;
        double responses = 0.0;
        std::int64_t step = 0; // what the sums are worth at
    };
    double fading(const Own& own, std::int64_t step) const;

    double m_longest;
    double m_decay;
    bool m_isFitted = false;
    LogisticHead m_head; // log-odds of the share
    std::vector<Own> m_own; // by position in the pool
};

} // namespace midpoint::difficulty
