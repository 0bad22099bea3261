#include "backend/model/batch_tensors.h"

#include "kernels/cuda/packed_tiles.h"

namespace midpoint::model {
namespace {

torch::Tensor tensorOf(const compute::Device& device, const std::vector<std::int64_t>& values)
{
    return compute::tensorAt(device, values.data(), static_cast<std::int64_t>(values.size()));
}

template <typename Tile>
torch::Tensor bytesOf(const compute::Device& device, std::vector<Tile>& tiles)
{
    const auto bytes = static_cast<std::int64_t>(tiles.size() * sizeof(Tile));
    return torch::from_blob(tiles.data(), { bytes }, torch::kUInt8).to(device.place(), torch::kUInt8, false, true); // a copy, also in host memory
}

} // namespace

BatchTensors::BatchTensors(
    const compute::Device& computing, const PackedBatch& packed, std::int64_t headDimension, const VarlenKernel* kernel)
    : device(computing)
    , batch(packed)
    , tokens(tensorOf(computing, packed.tokens))
    , positions(tensorOf(computing, packed.positions))
    , scoredTokens(tensorOf(computing, packed.scoredTokens))
    , targets(tensorOf(computing, packed.targets))
{
    if (kernel != nullptr) {
        varlenKernel = kernel;
        varlen.emplace(packed, device.place());
        return;
    }
    if (device.isProcessor())
        return;
    kernels::PackedAttentionShape shape;
    shape.segmentOffsets = packed.segmentOffsets;
    shape.groupOffsets = packed.groupOffsets;
    shape.headDim = headDimension;
    kernels::cuda::PackedTiles tiles = kernels::cuda::packedTiles(shape);
    queryTiles = bytesOf(device, tiles.queries);
    keyTiles = bytesOf(device, tiles.keys);
    queryTileCount = static_cast<std::int64_t>(tiles.queries.size());
    keyTileCount = static_cast<std::int64_t>(tiles.keys.size());
}

} // namespace midpoint::model
