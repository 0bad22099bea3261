// What a model takes of a device's memory: computed from its shapes before a run, and measured while it computes.
#pragma once

#include "backend/model/model.h"

#include <cstdint>
#include <memory>

namespace midpoint::model {

// Masters, the copies that computing reads and the rotary table.
std::int64_t weightBytes(const Model& model);
// Of the float32 masters alone, which is also the size of the gradients and of each moment of the optimizer.
std::int64_t masterBytes(const Model& model);
// The largest sum of all tensors that one forward and backward pass holds at a time, gradients of weights apart.
std::int64_t activationBytes(const Model& model, std::int64_t tokens, std::int64_t scoredTokens);
// Of a forward pass that keeps nothing for a backward pass.
std::int64_t readingBytes(const Model& model, std::int64_t tokens);
// Keys and values of one token in all layers.
std::int64_t cacheBytesPerToken(const Model& model);

// While it lives: how much more memory of `place` LibTorch's tensors held on this thread, at most, than at its beginning.
class AllocationWatch {
public:
    explicit AllocationWatch(torch::Device place = torch::kCPU);
    ~AllocationWatch();
    AllocationWatch(const AllocationWatch&) = delete;
    AllocationWatch& operator=(const AllocationWatch&) = delete;

    std::int64_t peakBytes() const;

private:
    struct State;
    std::unique_ptr<State> m_state;
};

} // namespace midpoint::model
