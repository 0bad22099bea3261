// Rules that look at a step and say, in words a user can act on, what is wrong. Pure functions; the trainer stores what they
// return as events. A rule speaks when its condition begins and is quiet until it has ended.
#pragma once

#include "backend/config/run_config.h"
#include "backend/store/records.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace midpoint::engine {

struct HealthFacts {
    std::int64_t rollouts = 0;
    std::int64_t truncated = 0;
    std::int64_t unparseable = 0;
    std::int64_t unusableReference = 0;
    std::int64_t graderFailed = 0;
    std::int64_t groups = 0;
    std::int64_t groupsWithSignal = 0;
    std::int64_t allCorrect = 0;
    std::int64_t allWrong = 0;
    std::int64_t maxNewTokens = 0;
    std::int64_t replayMissing = 0;       // replayed groups asked for and not there
    bool isReplayFilled = true;           // whether fresh prompts took their place
    std::optional<double> entropy;        // nats per token
    double replayMeanAge = 0.0;
    double effectiveSampleShare = 1.0;
    std::int64_t replayedGroups = 0;
    double logprobDifferenceMean = 0.0;
    double logprobDifferenceLimit = 0.0;
    std::int64_t skippedUpdates = 0;
    std::string skippedReason;
    std::int64_t appliedUpdates = 0;
    std::int64_t rounds = 0;              // of generation
    std::int64_t maxRounds = 0;           // dynamic sampling's cap; 0: another strategy
    std::int64_t groupsAsked = 0;
    std::int64_t groupsGot = 0;
};

class HealthRules {
public:
    explicit HealthRules(const config::HealthSection& settings)
        : m_settings(settings)
    {
    }
    // Events to store with the step, in a fixed order.
    std::vector<store::Event> look(const HealthFacts& facts, std::int64_t storedStep);

    // Rules that are speaking now; part of checkpoints, so that a resumed run repeats or omits nothing.
    const std::set<std::string>& active() const { return m_active; }
    void setActive(std::set<std::string> rules) { m_active = std::move(rules); }

private:
    config::HealthSection m_settings;
    std::set<std::string> m_active;
};

// What the first batch says about whether the run can learn at all, as lines for people; empty lines never.
std::vector<std::string> firstBatchReport(const HealthFacts& facts);

} // namespace midpoint::engine
