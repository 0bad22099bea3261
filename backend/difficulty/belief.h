// A belief says, for all prompts of the pool at any step, how often the present policy solves each one, and how sure
// that is. It learns from the ledger. Predictor, posterior, importance-corrected and oracle beliefs are compared
// through this interface.
#pragma once

#include "backend/difficulty/ledger.h"
#include "backend/difficulty/prompt_pool.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::difficulty {

// What the belief would have said about a measured prompt had it not seen that prompt's own label: the honest pairs for
// measuring and calibrating a belief that uses its labels for its predictions.
struct ReferencePrediction {
    std::int64_t index = 0; // in the pool
    double predicted = 0.0; // success rate
    std::int64_t successes = 0;
    std::int64_t attempts = 0;
};

// By position in the pool.
struct Estimates {
    std::vector<double> mean; // expected success rate
    std::vector<double> deviation; // standard deviation of the belief about it (not of a sample)
    std::vector<double> signal; // expected p (1 - p); at most 1/4
    std::vector<double> tokens; // expected length of a response; empty if the belief does not know
    std::vector<ReferencePrediction> references; // empty if the belief has none
};

// A group of the replay buffer whose log-probs under the present policy were computed for training: what it says about
// the present policy. Only mixed groups are replayed, but reweighting groups without signal would change nothing
// anyway: a weighted mean of equal outcomes is that outcome.
struct ReplayedEvidence {
    PromptId prompt = 0;
    std::int64_t birthStep = 0;
    std::vector<std::uint8_t> success; // per rollout
    std::vector<double> logWeight; // log pi_now - log pi_behaviour, summed over the response
};

class Belief {
public:
    virtual ~Belief() = default;
    virtual const char* name() const = 0;
    // Takes in the entries of the ledger that it has not seen yet. `step` is the training step about to be decided.
    virtual void learn(const Ledger& ledger, std::int64_t step) = 0;
    // Corrects what was learned from groups that the ledger had already shown. Most beliefs have no use for it.
    virtual void learnFromReplayed(std::span<const ReplayedEvidence>, std::int64_t /*step*/) { }
    virtual Estimates estimate(std::int64_t step) const = 0;
    // All that learning has left behind; restored, the belief continues bit for bit.
    virtual std::string saveState() const = 0;
    virtual void restoreState(std::string_view bytes) = 0; // throws Error{Checkpoint}
};

} // namespace midpoint::difficulty
