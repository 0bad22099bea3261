// Attention over a paged key-value cache, one query token per row, with grouped-query heads.
//
// The cache of a layer is an array of blocks of `blockTokens` tokens. A block holds, one after the other,
//   keys   [keyValueHeads, headDim, blockTokens]   (transposed: tokens side by side)
//   values [keyValueHeads, blockTokens, headDim]
// Token i of a sequence lies in slot i % blockTokens of block table[i / blockTokens]. Tables of several sequences may name the
// same block (a prompt shared by its group).
//
//   output[r, h] = sum_{j < length[r]} softmax_j(scale * query[r, h] . key[j]) value[j]
//
// Rows are independent: the result of a row does not depend on the others.
#pragma once

#include "kernels/cpu_isa.h"
#include "kernels/element_type.h"

#include <cstdint>

namespace midpoint::kernels {

struct PagedCacheShape {
    std::int64_t blockTokens = 16;   // a multiple of kPagedBlockUnit
    std::int64_t keyValueHeads = 0;
    std::int64_t headDim = 0;
    ElementType type = ElementType::Float32;

    std::int64_t blockElements() const { return 2 * keyValueHeads * headDim * blockTokens; } // of one layer
};
constexpr std::int64_t kPagedBlockUnit = 16; // the widest vector

// Where a row's sequence lies: the block table (block indices) and the number of tokens that the row sees or the position of its
// own token.
struct PagedRow {
    const std::int32_t* table = nullptr;
    std::int64_t length = 0;
};

struct PagedAttentionArguments {
    std::int64_t rows = 0;
    std::int64_t queryHeads = 0;
    float scale = 1.0F;
    const void* query = nullptr;     // [rows, queryHeads, headDim], rows queryStride elements apart
    std::int64_t queryStride = 0;
    const void* cache = nullptr;     // [blocks, blockElements]
    const PagedRow* row = nullptr;   // [rows]; length: tokens seen, at least 1
    void* output = nullptr;          // [rows, queryHeads, headDim], contiguous
};

struct PagedWriteArguments {
    std::int64_t rows = 0;
    const void* key = nullptr;       // [rows, keyValueHeads, headDim], rows `stride` elements apart
    const void* value = nullptr;     // the same
    std::int64_t stride = 0;
    void* cache = nullptr;
    const PagedRow* row = nullptr;   // [rows]; the token written is the last seen one, length - 1
};

void pagedAttention(const PagedCacheShape& shape, const PagedAttentionArguments& arguments, CpuIsa isa = bestIsa());
void pagedWrite(const PagedCacheShape& shape, const PagedWriteArguments& arguments);

void pagedAttentionReference(const PagedCacheShape& shape, const PagedAttentionArguments& arguments);

} // namespace midpoint::kernels
