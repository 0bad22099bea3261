// The fast CPU form of paged attention for the rows [begin, end).
#pragma once

#include "kernels/isa_dispatch.h"
#include "kernels/paged_attention.h"

namespace midpoint::kernels {

// Floats of scratch memory for rows that see at most `longest` tokens.
inline std::int64_t pagedAttentionScratch(const PagedCacheShape& shape, const PagedAttentionArguments& arguments, std::int64_t longest)
{
    const std::int64_t heads = arguments.queryHeads / shape.keyValueHeads;
    const std::int64_t blocks = (longest + shape.blockTokens - 1) / shape.blockTokens;
    return heads * (blocks * shape.blockTokens + 2 * shape.headDim);
}

MIDPOINT_DECLARE_FOR_EACH_ISA(void pagedAttentionRows(const PagedCacheShape& shape, const PagedAttentionArguments& arguments,
    std::int64_t begin, std::int64_t end, float* scratch);)

} // namespace midpoint::kernels
