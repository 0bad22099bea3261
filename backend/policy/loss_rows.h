// Rows between their three forms: as the training loop gives them, packed for the model, in double for the loss.
#pragma once

#include "backend/model/model.h"
#include "backend/policy/minibatches.h"
#include "backend/policy/policy_loss.h"
#include "backend/policy/train_rows.h"

#include <cstdint>
#include <span>
#include <vector>

namespace midpoint::policy {

// Error{Internal} unless every group has a prompt, and every row one log-prob for each token.
void checkRows(std::span<const TrainGroup> groups);

// Sampled by the policy that this step began with.
bool isFresh(const TrainGroup& group);

// Tokens and sequences that count in the loss.
LossNormaliser countTokens(std::span<const TrainGroup> groups);

model::PackedBatch packedBatch(const MicroBatch& microBatch);

// The rows of a micro-batch in double, in the order in which the model scored them. Keeps what they view.
class LossRows {
public:
    LossRows(const MicroBatch& microBatch, const model::TokenScores& scores);
    const std::vector<LossRow>& rows() const { return m_rows; }

private:
    std::span<const double> keep(const std::vector<float>& values);

    std::vector<double> m_logprobs;
    std::vector<double> m_entropy;
    std::vector<std::vector<double>> m_kept;
    std::vector<LossRow> m_rows;
};

// The rows' numbers one after another, [count] in float32.
torch::Tensor flatten(const std::vector<std::vector<double>>& rows, std::int64_t count);

} // namespace midpoint::policy
