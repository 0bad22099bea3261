// LM head and log-probs of given tokens, chunk by chunk: there is never one [tokens x vocabulary] array. The backward pass
// computes the logits of a chunk again.
#pragma once

#include "backend/model/batch_tensors.h"
#include "backend/model/model.h"

#include <cstdint>

namespace midpoint::model {

// Rows of logits that are computed at once.
std::int64_t scoringChunkRows(const compute::Device& device, std::int64_t vocabulary, std::int64_t elementBytes);

struct ScoringInput {
    torch::Tensor hidden; // [tokens, hidden] after the final norm
    torch::Tensor head;   // [vocabulary, hidden]
    const BatchTensors& batch;
    ScoreOptions options;
};

struct Scored {
    TokenScores scores;
    torch::Tensor logSumExp; // [scored] float32, for the backward pass
};

Scored scoreTokens(const ScoringInput& input);

// Returns the gradient of `hidden` and adds that of the head to gradHead (float32). gradEntropy may be undefined.
torch::Tensor scoreTokensBackward(const ScoringInput& input, const Scored& scored, const torch::Tensor& gradLogprobs,
    const torch::Tensor& gradEntropy, torch::Tensor& gradHead);

} // namespace midpoint::model
