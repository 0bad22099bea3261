// A packed batch where the operations read it: on the processor its own vectors, on a device copies that are made once for each batch
// and serve all layers.
#pragma once

#include "backend/compute/device.h"
#include "backend/model/packed_batch.h"
#include "backend/model/varlen_attention.h"

#include <torch/types.h>

#include <optional>

namespace midpoint::model {

struct BatchTensors {
    // The batch has to outlive this, and the kernel if there is one. `headDimension` decides the size of attention's tiles.
    BatchTensors(const compute::Device& computing, const PackedBatch& packed, std::int64_t headDimension, const VarlenKernel* kernel = nullptr);

    const compute::Device device;
    const PackedBatch& batch;
    torch::Tensor tokens, positions;        // [tokens] int64
    torch::Tensor scoredTokens, targets;    // [scored] int64
    torch::Tensor queryTiles, keyTiles;     // kernels/cuda/operations.h, as bytes; undefined on the processor
    std::int64_t queryTileCount = 0;
    std::int64_t keyTileCount = 0;
    const VarlenKernel* varlenKernel = nullptr; // that computes attention; null: the operations of the device
    std::optional<VarlenLayout> varlen;         // for it
};

} // namespace midpoint::model
