// The fast CPU form of packed attention: one unit of work, and the scratch memory it needs.
#pragma once

#include "kernels/isa_dispatch.h"
#include "kernels/packed_attention.h"

namespace midpoint::kernels {

struct PackedAttentionUnit {
    std::int64_t group = 0;
    std::int64_t keyValueHead = 0;
};

MIDPOINT_DECLARE_FOR_EACH_ISA(
    // Scratch of a unit whose group has `tokens` tokens in all, in floats.
    std::int64_t packedAttentionScratch(const PackedAttentionShape& shape, std::int64_t tokens);
    void packedAttentionForwardUnit(
        const PackedAttentionShape& shape, const PackedAttentionForward& arguments, PackedAttentionUnit unit, float* scratch);
    void packedAttentionBackwardUnit(
        const PackedAttentionShape& shape, const PackedAttentionBackward& arguments, PackedAttentionUnit unit, float* scratch);)

} // namespace midpoint::kernels
