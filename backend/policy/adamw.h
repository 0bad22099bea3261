// AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019) on float32 masters, in LibTorch's
// fused form, and learning-rate schedules.
#pragma once

#include "backend/config/run_config.h"
#include "backend/model/model.h"

#include <cstdint>
#include <span>
#include <vector>

namespace midpoint::policy {

// The learning rate of a training step (counted from 0) of `steps` in all: linear warm-up, then the schedule.
double learningRateAt(const config::OptimizerSection& settings, std::int64_t step, std::int64_t steps);

// Square root of the sum of squares of all gradients; not finite if one of them is not.
double gradientNorm(std::span<const model::Parameter> parameters);

class AdamW {
public:
    AdamW(std::span<const model::Parameter> parameters, const config::OptimizerSection& settings);

    // One update with gradients multiplied by gradientScale (clipping; they are overwritten). Parameters must be those of the constructor.
    void step(std::span<model::Parameter> parameters, double learningRate, double gradientScale);

    std::int64_t updates() const { return m_updates; } // made so far

    // State for checkpoints: "updates" [1] int64, "first.<parameter>" and "second.<parameter>" float32.
    std::vector<model::NamedTensor> state() const;
    // Throws Error{Checkpoint} naming the tensor that is missing or has another shape.
    void restore(std::span<const model::NamedTensor> state);

private:
    config::OptimizerSection m_settings;
    std::int64_t m_updates = 0;
    std::vector<std::string> m_names;
    std::vector<torch::Tensor> m_first;
    std::vector<torch::Tensor> m_second;
};

} // namespace midpoint::policy
