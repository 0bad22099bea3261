// How much of a step to generate anew. Replay saves generation and costs training, so it pays only where a stored group is
// cheaper than a fresh one of the same worth. The prices: tokens, counted every step, and the ratio of the times that a
// trained and a generated token take, measured once in the first steps and kept from then on (in checkpoints, too), so that
// a resumed run decides the same.
#pragma once

#include "backend/config/run_config.h"

#include <cstdint>

namespace midpoint::replay {

// What one step did.
struct FreshFractionFacts {
    std::int64_t generatedTokens = 0; // for chosen prompts
    double generationSeconds = 0.0;
    std::int64_t trainedTokens = 0;
    double trainingSeconds = 0.0; // update, and log-probs computed for it
    std::int64_t freshGroups = 0; // with signal
    std::int64_t freshTokens = 0; // of those
    std::int64_t replayedGroups = 0;
    std::int64_t replayedTokens = 0; // of their rows that are trained again
    double effectiveShare = 1.0; // effective sample size of the importance weights
};

class FreshFraction {
public:
    // Sums of the past that lose a fifth per step, and the measured ratio. Plain data, for checkpoints.
    struct State {
        std::int64_t measuredSteps = 0;
        double costRatio = 0.0; // 0: not known yet
        double generationSeconds = 0.0, generationTokens = 0.0, trainingSeconds = 0.0, trainingTokens = 0.0;
        double generated = 0.0, freshGroups = 0.0, freshTokens = 0.0;
        double replayedGroups = 0.0, replayedTokens = 0.0, effectiveShare = 0.0;
        bool operator==(const State&) const = default;
    };

    void observe(const FreshFractionFacts& facts, const config::ReplaySection& settings);
    // The configured fraction, or with adaptive_fresh between it and 1; 1 until the prices are known.
    double fraction(const config::ReplaySection& settings) const;

    const State& state() const { return m_state; }
    void setState(const State& state) { m_state = state; }

private:
    State m_state;
};

} // namespace midpoint::replay
