#include "kernels/cuda/packed_tiles.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <limits>

namespace midpoint::kernels::cuda {
namespace {

struct Range {
    std::int32_t begin = 0;
    std::int32_t end = 0;
};

Range segmentAt(const PackedAttentionShape& shape, std::int64_t segment)
{
    const auto at = [&](std::int64_t i) { return static_cast<std::int32_t>(shape.segmentOffsets[static_cast<std::size_t>(i)]); };
    return { at(segment), at(segment + 1) };
}

// How many keys a tile's last query sees.
std::int64_t workOf(const QueryTile& tile) { return tile.promptEnd - tile.promptBegin + tile.first + tile.count - tile.ownBegin; }

} // namespace

PackedTiles packedTiles(const PackedAttentionShape& shape)
{
    if (shape.tokens() > std::numeric_limits<std::int32_t>::max())
        throw Error(ErrorKind::Internal, concat("packed attention: ", shape.tokens(), " tokens are too many for one device call"));
    const auto rows = static_cast<std::int32_t>(packedTileRows(shape.headDim));
    PackedTiles tiles;
    for (std::size_t g = 0; g + 1 < shape.groupOffsets.size(); ++g) {
        const std::int64_t firstSegment = shape.groupOffsets[g];
        const std::int64_t endSegment = shape.groupOffsets[g + 1];
        if (firstSegment == endSegment)
            continue;
        const Range prompt = segmentAt(shape, firstSegment);
        const std::int32_t groupEnd = segmentAt(shape, endSegment - 1).end;
        for (std::int64_t s = firstSegment; s < endSegment; ++s) {
            const Range own = segmentAt(shape, s);
            const bool isPrompt = s == firstSegment;
            for (std::int32_t first = own.begin; first < own.end; first += rows) {
                const std::int32_t count = std::min(rows, own.end - first);
                tiles.queries.push_back({ first, count, prompt.begin, isPrompt ? prompt.begin : prompt.end, own.begin });
                tiles.keys.push_back({ first, count, isPrompt ? groupEnd : own.end });
            }
        }
    }
    const auto longestFirst = [](const QueryTile& a, const QueryTile& b) { return workOf(a) > workOf(b); };
    std::stable_sort(tiles.queries.begin(), tiles.queries.end(), longestFirst);
    return tiles;
}

} // namespace midpoint::kernels::cuda
