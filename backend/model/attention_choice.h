// Which kernels compute a model's packed attention: those of kernels/, or LibTorch's flash attention where it fits and agrees with them.
#pragma once

#include "backend/compute/device.h"
#include "backend/model/model_config.h"
#include "backend/model/varlen_attention.h"

#include <memory>

namespace midpoint::model {

// True if the kernel gives the outputs and gradients of those in kernels/ for a small batch with shared prompts, up to rounding.
bool agreesWithOwnAttention(const VarlenKernel& kernel, const ModelConfig& config, torch::ScalarType type, const compute::Device& device);

// Null: those of kernels/. Flash attention is for GPUs, bfloat16 and float16; it is tried on a small batch first.
std::unique_ptr<const VarlenKernel> chooseAttention(const ModelConfig& config, torch::ScalarType type, const compute::Device& device);

} // namespace midpoint::model
