// What the training loop asks for prompts. A round lasts interval_steps training steps (mu): at its start reference
// prompts may be measured, the belief learns, and the prompts of the whole round are drawn at once without replacement.
// In a step:
//
//     if (selector.startsRound(step)) {
//         for (choice : selector.chooseReferences(step)) roll out with choice.purpose(), grade, ledger.add(group)
//         selector.beginRound(step, ledger, plannedPrompts)   // planned for the whole round
//     }
//     batch = selector.take(step, count)                      // more than planned is fine: replay ran short, or a
//     refill
#pragma once

#include "backend/difficulty/belief.h"
#include "backend/difficulty/selection.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::difficulty {

enum class ChoiceReason : std::uint8_t { Uniform = 0, Targeted = 1, Explored = 2, Pinned = 3, Reference = 4, Oracle = 5 };
const char* nameOf(ChoiceReason reason);

struct Choice {
    std::int64_t index = 0; // in the pool
    PromptId prompt = 0;
    ChoiceReason reason = ChoiceReason::Uniform;

    // Explored prompts are drawn uniformly from the whole pool, so their measurements are unbiased.
    Purpose purpose() const
    {
        if (reason == ChoiceReason::Reference)
            return Purpose::Reference;
        if (reason == ChoiceReason::Oracle)
            return Purpose::Oracle;
        return reason == ChoiceReason::Explored ? Purpose::Explore : Purpose::Train;
    }
};

struct SelectorOptions {
    std::uint64_t seed = 1;
    std::int64_t intervalSteps = 1; // mu
    std::int64_t referencePrompts = 0; // K
    ChoiceReason referenceReason = ChoiceReason::Reference; // or Oracle: what they are measured for
    bool reuseReference = false; // references are trained on, so the round does not choose them again
    double explorationShare = 0.0;
    std::vector<std::int32_t> clusters = {}; // of the prompts, see clusterPrompts(); empty: no quota
    std::int64_t clusterCount = 0;
    std::vector<PromptId> pinned = {}; // part of every round
    std::vector<PromptId> excluded = {}; // never chosen, never a reference
};
SelectorOptions selectorOptions(const config::SelectionSection& section, std::uint64_t seed);

class Selector {
public:
    // `belief` may be null when the strategy needs none. Throws Error{Config} when the strategy needs one.
    Selector(SelectorOptions options, const PromptPool& pool, std::unique_ptr<SelectionStrategy> strategy,
        std::unique_ptr<Belief> belief);

    bool startsRound(std::int64_t step) const { return step % m_options.intervalSteps == 0; }
    // K prompts drawn uniformly; empty if K is 0 or the strategy needs no belief.
    std::vector<Choice> chooseReferences(std::int64_t step);
    // Learns, estimates and draws. Throws Error{Config} if the pool has fewer prompts to choose from than planned.
    void beginRound(std::int64_t step, const Ledger& ledger, std::int64_t plannedPrompts);
    // The next prompts of the round, never one twice in a round. Fewer than count only when the pool is used up.
    std::vector<Choice> take(std::int64_t step, std::int64_t count);

    // Of the present round; empty before the first and when there is no belief.
    const Estimates& estimates() const { return m_estimates; }
    std::optional<double> entropyNats() const { return m_entropyNats; } // of a single draw
    double shareEverChosen() const; // of the pool, by take()
    const Belief* belief() const { return m_belief.get(); }
    Belief* belief() { return m_belief.get(); }
    const SelectionStrategy& strategy() const { return *m_strategy; }

    // Changes that a running run is asked for; they count from the next round on. They throw as the constructor does.
    void setStrategy(std::unique_ptr<SelectionStrategy> strategy);
    void setSteering(std::vector<PromptId> pinned, std::vector<PromptId> excluded);

    std::string saveState() const; // with the belief's state
    void restoreState(std::string_view bytes); // throws Error{Checkpoint}

private:
    void expectBelief(const SelectionStrategy& strategy) const;
    void expectInPool(const std::vector<PromptId>& pinned) const;
    std::vector<std::uint8_t> excludedPrompts() const;
    std::vector<std::uint8_t> blockedPrompts() const; // excluded, or already part of the round
    void pin(std::int64_t plannedPrompts);
    void explore(std::int64_t plannedPrompts);
    void draw(std::int64_t count);
    void enqueue(std::int64_t index, ChoiceReason reason);

    SelectorOptions m_options;
    const PromptPool* m_pool;
    std::unique_ptr<SelectionStrategy> m_strategy;
    std::unique_ptr<Belief> m_belief;

    std::int64_t m_roundStep = -1; // first step of the present round
    Estimates m_estimates;
    std::optional<double> m_entropyNats;
    std::vector<std::int64_t> m_references; // of the present round
    std::vector<Choice> m_queue; // drawn for the present round and not taken yet, in order
    std::vector<std::uint8_t> m_inRound; // chosen for the present round
    std::vector<std::int64_t> m_lastChosenStep; // -1: never
};

} // namespace midpoint::difficulty
