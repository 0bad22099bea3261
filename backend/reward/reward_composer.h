// From a verdict to the reward of a rollout: success, plus a length term and a format term if they are configured, each
// stored by name. Success itself stays the verdict alone.
#pragma once

#include "backend/config/run_config.h"
#include "backend/reward/grader.h"

namespace midpoint::reward {

class RewardComposer {
public:
    // maxResponseTokens: the limit at which a response is cut. Throws Error{Config} if the ramp is longer than it.
    RewardComposer(const config::RewardSection& settings, std::int64_t maxResponseTokens);

    // Writes verdict, extracted, rule, reward and rewardParts.
    void apply(const Grade& grade, Rollout& rollout) const;

    // The length term of DAPO (arXiv 2503.14476, eq. 13) for a response of this many tokens, in [-1, 0].
    double overlongTerm(std::int64_t tokens) const;

private:
    double m_overlongPenalty = 0.0;
    std::int64_t m_overlongBufferTokens = 0;
    double m_formatWeight = 0.0;
    std::int64_t m_maxResponseTokens = 0;
};

} // namespace midpoint::reward
