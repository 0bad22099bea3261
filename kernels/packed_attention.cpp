#include "kernels/packed_attention.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "kernels/packed_attention_cpu.h"
#include "kernels/parallel.h"

#include <algorithm>
#include <vector>

namespace midpoint::kernels {
namespace {

void requireRising(std::span<const std::int64_t> offsets, const char* name)
{
    if (offsets.empty() || offsets.front() != 0 || !std::is_sorted(offsets.begin(), offsets.end()))
        throw Error(ErrorKind::Internal, concat("packed attention: ", name, " must begin with 0 and never fall"));
}

void check(const PackedAttentionShape& shape)
{
    requireRising(shape.segmentOffsets, "segmentOffsets");
    requireRising(shape.groupOffsets, "groupOffsets");
    const auto segments = static_cast<std::int64_t>(shape.segmentOffsets.size()) - 1;
    if (shape.groupOffsets.back() != segments)
        throw Error(ErrorKind::Internal,
            concat("packed attention: groups own ", shape.groupOffsets.back(), " segments, but there are ", segments));
    if (shape.headDim <= 0 || shape.keyValueHeads <= 0 || shape.queryHeads <= 0 || shape.queryHeads % shape.keyValueHeads != 0)
        throw Error(ErrorKind::Internal,
            concat("packed attention: ", shape.queryHeads, " query heads and ", shape.keyValueHeads,
                " key-value heads of dimension ", shape.headDim, " do not fit together"));
}

// Runs unit(group, head, scratch) for all, each on one thread.
template <typename Unit>
void forEachUnit(const PackedAttentionShape& shape, CpuIsa isa, const Unit& runUnit)
{
    check(shape);
    const auto groups = static_cast<std::int64_t>(shape.groupOffsets.size()) - 1;
    std::int64_t longest = 0;
    for (std::int64_t g = 0; g < groups; ++g) {
        const auto tokenAt = [&](std::int64_t group) {
            return shape.segmentOffsets[static_cast<std::size_t>(shape.groupOffsets[static_cast<std::size_t>(group)])];
        };
        longest = std::max(longest, tokenAt(g + 1) - tokenAt(g));
    }
    const std::int64_t scratchSize = MIDPOINT_CHOOSE_ISA(isa, packedAttentionScratch)(shape, longest);
    parallelRanges(groups * shape.keyValueHeads, 1, [&](std::int64_t begin, std::int64_t end) {
        const auto scratch = std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(scratchSize));
        for (std::int64_t unit = begin; unit < end; ++unit)
            runUnit(PackedAttentionUnit { unit / shape.keyValueHeads, unit % shape.keyValueHeads }, scratch.get());
    });
}

} // namespace

void packedAttentionForward(const PackedAttentionShape& shape, const PackedAttentionForward& arguments, CpuIsa isa)
{
    const auto run = MIDPOINT_CHOOSE_ISA(isa, packedAttentionForwardUnit);
    forEachUnit(shape, isa, [&](PackedAttentionUnit unit, float* scratch) { run(shape, arguments, unit, scratch); });
}

void packedAttentionBackward(const PackedAttentionShape& shape, const PackedAttentionBackward& arguments, CpuIsa isa)
{
    const auto run = MIDPOINT_CHOOSE_ISA(isa, packedAttentionBackwardUnit);
    forEachUnit(shape, isa, [&](PackedAttentionUnit unit, float* scratch) { run(shape, arguments, unit, scratch); });
}

} // namespace midpoint::kernels
