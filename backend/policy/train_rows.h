// What the policy update trains on: groups of responses to one prompt with their advantages. Plain data, made by the
// training loop from fresh rollouts and from the replay buffer.
#pragma once

#include <cstdint>
#include <vector>

namespace midpoint::policy {

struct TrainRow {
    std::vector<std::int32_t> tokens;         // the response, including its end-of-sequence token
    std::vector<float> behaviourLogprobs;     // of the policy that sampled it, one per token
    std::vector<float> oldLogprobs;           // of the policy at the start of the step; empty: the behaviour's for a
                                              // fresh row, computed by PolicyUpdate for an older one
    std::vector<float> referenceLogprobs;     // of the frozen reference; needed when the KL coefficient is not 0
    std::vector<float> tokenWeights;          // 0 leaves a token out of loss and counts; empty: all ones
    double advantage = 0.0;
};

struct TrainGroup {
    std::int64_t id = 0;
    std::vector<std::int32_t> promptTokens;
    std::vector<TrainRow> rows;
    bool isReplayed = false;
    bool isCarried = false; // waited for company in an earlier step (set by PolicyUpdate): its behaviour policy is older too

    // Only rows with an advantage pull on the weights (while KL and entropy coefficients are 0).
    bool hasSignal() const
    {
        for (const TrainRow& row : rows)
            if (row.advantage != 0.0)
                return true;
        return false;
    }
};

} // namespace midpoint::policy
