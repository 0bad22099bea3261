// The lists of tiles on which packed attention works on a device; made on the host, once for each micro-batch.
#pragma once

#include "kernels/cuda/operations.h"

#include <vector>

namespace midpoint::kernels::cuda {

struct PackedTiles {
    std::vector<QueryTile> queries; // longest first, so that no long one is left for the end
    std::vector<KeyTile> keys;
};

// Throws Error{Internal} where there are more tokens than a tile can name.
PackedTiles packedTiles(const PackedAttentionShape& shape);

} // namespace midpoint::kernels::cuda
