// AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019) on float32 masters, in LibTorch's
// fused form, and learning-rate schedules. Each rank keeps masters and moments of its shard of every parameter.
#pragma once

#include "backend/config/run_config.h"
#include "backend/model/model.h"
#include "backend/policy/rank_group.h"

#include <cstdint>
#include <span>
#include <vector>

namespace midpoint::policy {

// The learning rate of a training step (counted from 0) of `steps` in all: linear warm-up, then the schedule.
double learningRateAt(const config::OptimizerSection& settings, std::int64_t step, std::int64_t steps);

// Sum of the squares of all gradients, of this rank's shards; not finite if one of them is not.
double gradientSquares(std::span<const model::Parameter> parameters, std::int64_t rank = 0, std::int64_t ranks = 1);
// Square root of the sum of squares of all gradients, where they are whole.
double gradientNorm(std::span<const model::Parameter> parameters);

class AdamW {
public:
    // Computing in float32, the masters stay where the model has them. Otherwise, with several ranks, each copies its shards and
    // releases the whole masters (Parameter::value is undefined from then on).
    AdamW(std::span<model::Parameter> parameters, const config::OptimizerSection& settings, std::int64_t rank = 0,
        std::int64_t ranks = 1);

    // One update of this rank's shards, with gradients multiplied by gradientScale (clipping; they are overwritten), rounded
    // into the compute weights. Parameters must be those of the constructor.
    void step(std::span<model::Parameter> parameters, double learningRate, double gradientScale);

    std::int64_t updates() const { return m_updates; } // made so far
    std::int64_t bytes() const;                        // of both moments, and of the masters that are its own

    // State for checkpoints: "updates" [1] int64, "first.<parameter>" and "second.<parameter>" float32. Every rank has to call
    // it; the first one gets the tensors. The same holds for whole masters, which it can let go of again.
    std::vector<model::NamedTensor> state(RankGroup& ranks) const;
    void gatherMasters(std::span<model::Parameter> parameters, RankGroup& ranks) const;
    void releaseMasters(std::span<model::Parameter> parameters) const;
    // For reading weights into a model: makes room for whole masters, and takes the shards of what was read.
    void makeRoomForMasters(std::span<model::Parameter> parameters) const;
    void takeMasters(std::span<model::Parameter> parameters);
    // Throws Error{Checkpoint} naming the tensor that is missing or has another shape.
    void restore(std::span<const model::NamedTensor> state);

private:
    Shard shard(std::size_t parameter) const;
    torch::Tensor whole(std::size_t parameter, const torch::Tensor& own, RankGroup& ranks) const;

    config::OptimizerSection m_settings;
    std::int64_t m_rank;
    std::int64_t m_ranks;
    bool m_ownsMasters = false; // copies; otherwise views of the model's
    std::int64_t m_updates = 0;
    std::vector<std::string> m_names;
    std::vector<std::vector<std::int64_t>> m_shapes;
    std::vector<torch::Tensor> m_masters; // of this rank's shard, as the moments
    std::vector<torch::Tensor> m_first;
    std::vector<torch::Tensor> m_second;
};

} // namespace midpoint::policy
