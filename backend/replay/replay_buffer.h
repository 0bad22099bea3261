// The replay buffer: recent groups with signal, kept to be trained on again. Ragged (every group has its own size and
// lengths), first in first out, capacity in groups. What beliefs learn from is the ledger, never this.
//
// Once per step, in this order: sample() what is trained again, then append() the step's fresh groups.
#pragma once

#include "backend/config/run_config.h"
#include "backend/core/rng.h"
#include "backend/core/rollout.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::replay {

enum class Rule {
    Paper, // groups with signal enter; the oldest leave until the capacity holds
    Released, // all groups enter; at the next sample(): keep the last group of a prompt, drop those without signal,
              // draw, then keep only the newest capacity - freshGroupsPerStep
};
Rule ruleFromName(std::string_view name); // throws Error{Config}

enum class Priority {
    Uniform, // the published one
    Signal, // proportional to the variance of a group's rewards: near one half there is most left to learn
};
Priority priorityFromName(std::string_view name); // throws Error{Config}

struct BufferOptions {
    std::int64_t capacity = 512; // groups, C
    Rule rule = Rule::Paper;
    std::int64_t maxAgeSteps = 0; // older groups are dropped; 0: no limit
    Priority priority = Priority::Uniform;
    double freshnessDecay = 1.0; // weight of a group in the draw per step of its age; in (0, 1]
    bool positiveOnly = false; // train again only rows with positive advantage
    std::int64_t freshGroupsPerStep = 0; // delta B, for the trim of Rule::Released
};
BufferOptions bufferOptions(const config::ReplaySection& section, std::int64_t freshGroupsPerStep);

struct ReplayedGroup {
    std::shared_ptr<const Group> group; // whole, so that its advantages are those at its birth
    std::vector<std::int64_t> rows; // the rollouts to train on: all, or those above the group's mean reward
    std::int64_t ageSteps = 0;
};

struct ReplaySample {
    std::vector<ReplayedGroup> groups;
    std::int64_t asked = 0;
    std::int64_t missing() const
    {
        return asked - static_cast<std::int64_t>(groups.size());
    } // to be filled with fresh prompts
};

// Counts of groups now in the buffer.
struct Composition {
    std::int64_t groups = 0;
    std::int64_t rollouts = 0;
    std::int64_t tokens = 0;
    double meanAgeSteps = 0.0;
    std::int64_t maxAgeSteps = 0;
    double meanSuccessRate = 0.0;
    std::vector<std::int64_t> byAge; // [age in steps], the last bin holds all beyond (32 bins)
    std::vector<std::int64_t> bySuccessRate; // 10 bins over [0, 1]
    std::vector<std::int64_t> byMeanReward; // 10 bins over [lowest, highest] mean reward
    double lowestMeanReward = 0.0;
    double highestMeanReward = 0.0;
    std::int64_t bytes = 0; // memory of tokens and log-probs
};

class ReplayBuffer {
public:
    explicit ReplayBuffer(BufferOptions options); // throws Error{Config}

    // Up to `count` groups, by priority and freshness without replacement, all of different prompts and born before `step`.
    ReplaySample sample(std::int64_t count, std::int64_t step, Rng& rng);
    // The fresh groups of the step. Texts are not kept. A second call for the same or an earlier step is
    // Error{Internal}.
    void append(std::vector<Group> fresh, std::int64_t step);

    // Removes the groups of these prompts: measured to be too far from the present policy.
    void drop(std::span<const PromptId> prompts);

    std::int64_t size() const { return static_cast<std::int64_t>(m_groups.size()); }
    std::span<const std::shared_ptr<const Group>> groups() const { return m_groups; } // oldest first
    Composition composition(std::int64_t step) const;

    std::string serialise() const;
    void restore(std::string_view bytes); // throws Error{Checkpoint}; options stay

private:
    std::vector<std::size_t> draw(std::vector<std::size_t> candidates, std::int64_t count, std::int64_t step, Rng& rng) const;
    void keepNewest(std::int64_t count);
    void keepLastOfEachPrompt();
    void dropOlderThanLimit(std::int64_t step);

    BufferOptions m_options;
    std::vector<std::shared_ptr<const Group>> m_groups; // oldest first
    std::int64_t m_lastAppendStep = -1;
};

} // namespace midpoint::replay
