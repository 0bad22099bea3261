// The policy-gradient losses as functions of log-probs, with their gradients, in double. One call sees the rows of one
// micro-batch; the normaliser of the whole mini-batch is passed in, so the sum over micro-batches does not depend on packing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace midpoint::policy {

enum class LossKind { Decoupled, BehaviourRatio, Gspo };
enum class Aggregation { TokenMean, SequenceMeanTokenMean, SequenceMeanTokenSumNorm };

LossKind parseLoss(const std::string& name);           // "decoupled", "behaviour_ratio", "gspo"; throws Error{Config}
Aggregation parseAggregation(const std::string& name); // "token-mean", "seq-mean-token-mean", "seq-mean-token-sum-norm"

struct LossSettings {
    LossKind kind = LossKind::Decoupled;
    Aggregation aggregation = Aggregation::TokenMean;
    double clipLow = 0.2;
    double clipHigh = 0.2;
    double weightCap = 0.0;         // cap of pi_old / pi_behaviour; 0: none
    double klCoefficient = 0.0;
    double entropyCoefficient = 0.0;
    double horizon = 0.0;           // divisor of SequenceMeanTokenSumNorm: the configured longest response
};

// Views on one response; all spans have its length. Empty: old = behaviour, reference and entropy not used, weights 1.
struct LossRow {
    std::span<const double> logprobs; // of the policy being trained
    std::span<const double> behaviour;
    std::span<const double> old;
    std::span<const double> reference;
    std::span<const double> entropy;
    std::span<const double> weights;
    double advantage = 0.0;
    bool isReplayed = false;
};

// What the mini-batch is divided by, over all its micro-batches and ranks.
struct LossNormaliser {
    double tokens = 0.0;
    double sequences = 0.0;
};

struct LossStatistics {
    double tokens = 0.0, replayedTokens = 0.0;
    double clippedTokens = 0.0, clippedReplayedTokens = 0.0; // whose clipped branch decides (gradient 0)
    double kl = 0.0;                            // sum of k3 to the reference
    double klToBehaviour = 0.0;                 // sum of k3 of pi_theta against the behaviour policy
    double entropy = 0.0;                       // sum
    double ratio = 0.0, maxRatio = 0.0;         // sum and maximum of pi_theta / pi_old
    double weight = 0.0, weightSquare = 0.0;    // sums of w = pi_old / pi_behaviour, replayed tokens only
    double maxWeight = 0.0;

    void add(const LossStatistics& other);
    double effectiveSampleShare() const; // (sum w)^2 / (n sum w^2), 1 without replayed tokens
};

struct LossResult {
    double loss = 0.0;
    std::vector<std::vector<double>> gradLogprobs; // per row
    std::vector<std::vector<double>> gradEntropy;  // per row; empty without entropy bonus
    LossStatistics statistics;
};

LossResult policyLoss(const LossSettings& settings, std::span<const LossRow> rows, const LossNormaliser& normaliser);

} // namespace midpoint::policy
