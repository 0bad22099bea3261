#include "kernels/paged_attention.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "kernels/parallel_rows.h"
#include "kernels/paged_attention_cpu.h"

#include <memory>

namespace midpoint::kernels {
namespace {

void check(const PagedCacheShape& shape)
{
    if (shape.blockTokens <= 0 || shape.blockTokens % kPagedBlockUnit != 0 || shape.keyValueHeads <= 0 || shape.headDim <= 0)
        throw Error(ErrorKind::Internal,
            concat("paged attention: blocks of ", shape.blockTokens, " tokens (expected a multiple of ", kPagedBlockUnit, "), ",
                shape.keyValueHeads, " key-value heads of dimension ", shape.headDim));
}

template <typename T>
void writeToken(const PagedCacheShape& shape, const PagedWriteArguments& arguments, std::int64_t r)
{
    const PagedRow& row = arguments.row[r];
    const std::int64_t token = row.length - 1;
    const std::int64_t slot = token % shape.blockTokens;
    T* block = static_cast<T*>(arguments.cache) + row.table[token / shape.blockTokens] * shape.blockElements();
    const T* key = static_cast<const T*>(arguments.key) + r * arguments.stride;
    const T* value = static_cast<const T*>(arguments.value) + r * arguments.stride;
    T* values = block + shape.keyValueHeads * shape.headDim * shape.blockTokens;
    for (std::int64_t i = 0; i < shape.keyValueHeads * shape.headDim; ++i)
        block[i * shape.blockTokens + slot] = key[i];
    for (std::int64_t h = 0; h < shape.keyValueHeads; ++h)
        std::copy_n(value + h * shape.headDim, shape.headDim, values + (h * shape.blockTokens + slot) * shape.headDim);
}

} // namespace

void pagedAttention(const PagedCacheShape& shape, const PagedAttentionArguments& arguments, CpuIsa isa)
{
    check(shape);
    if (arguments.queryHeads <= 0 || arguments.queryHeads % shape.keyValueHeads != 0)
        throw Error(ErrorKind::Internal,
            concat("paged attention: ", arguments.queryHeads, " query heads for ", shape.keyValueHeads, " key-value heads"));
    std::int64_t longest = 1;
    for (std::int64_t r = 0; r < arguments.rows; ++r)
        longest = std::max(longest, arguments.row[r].length);
    const auto run = MIDPOINT_CHOOSE_ISA(isa, pagedAttentionRows);
    forEachRowRange(arguments.rows, longest * arguments.queryHeads * shape.headDim / 4, [&](std::int64_t begin, std::int64_t end) {
        const auto scratch
            = std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(pagedAttentionScratch(shape, arguments, longest)));
        run(shape, arguments, begin, end, scratch.get());
    });
}

void pagedWrite(const PagedCacheShape& shape, const PagedWriteArguments& arguments)
{
    check(shape);
    for (std::int64_t r = 0; r < arguments.rows; ++r) {
        if (shape.type == ElementType::Float32)
            writeToken<float>(shape, arguments, r);
        else
            writeToken<std::uint16_t>(shape, arguments, r);
    }
}

} // namespace midpoint::kernels
