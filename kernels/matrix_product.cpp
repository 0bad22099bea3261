#include "kernels/matrix_product.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "kernels/matrix_product_cpu.h"
#include "kernels/parallel.h"

#include <algorithm>
#include <memory>

namespace midpoint::kernels {
namespace {

// A thread gets at least this many multiplications: less is done before another thread has woken.
constexpr std::int64_t kProductsPerThread = 1 << 19;

} // namespace

void matrixProduct(const MatrixProduct& product, CpuIsa isa)
{
    if (product.rows < 0 || product.columns < 0 || product.depth < 0 || product.cStride < product.columns
        || (product.bias != nullptr && product.isAdded))
        throw Error(ErrorKind::Internal, concat("matrix product: ", product.rows, " x ", product.depth, " by ", product.depth, " x ",
            product.columns, ", rows of the result ", product.cStride, " apart"));
    if (product.rows == 0 || product.columns == 0)
        return;
    if (product.depth == 0) {
        for (std::int64_t i = 0; i < product.rows && !product.isAdded; ++i)
            for (std::int64_t j = 0; j < product.columns; ++j)
                product.c[i * product.cStride + j] = product.bias == nullptr ? 0.0F : product.bias[j];
        return;
    }
    const auto part = MIDPOINT_CHOOSE_ISA(isa, productPart);
    const auto scratchOf = MIDPOINT_CHOOSE_ISA(isa, productScratch);
    const auto compute = [&](const MatrixProduct& range) {
        const auto scratch = std::make_unique_for_overwrite<float[]>(
            static_cast<std::size_t>(scratchOf(range.rows, range.columns, range.depth)));
        part(range, scratch.get());
    };
    // Threads share the longer side of C.
    const bool byRows = product.rows >= product.columns;
    const std::int64_t tile = byRows ? MIDPOINT_CHOOSE_ISA(isa, productTileRows)() : MIDPOINT_CHOOSE_ISA(isa, productTileColumns)();
    const std::int64_t side = byRows ? product.rows : product.columns;
    const std::int64_t productsPerTile = tile * product.depth * (byRows ? product.columns : product.rows);
    parallelRanges((side + tile - 1) / tile, std::max<std::int64_t>(1, kProductsPerThread / productsPerTile),
        [&](std::int64_t beginTile, std::int64_t endTile) {
            const std::int64_t begin = beginTile * tile;
            const std::int64_t count = std::min(side, endTile * tile) - begin;
            MatrixProduct range = product;
            if (byRows) {
                range.rows = count;
                range.a.data += begin * product.a.rowStride;
                range.c += begin * product.cStride;
            } else {
                range.columns = count;
                range.b.data += begin * product.b.columnStride;
                range.bias = product.bias == nullptr ? nullptr : product.bias + begin;
                range.c += begin;
            }
            compute(range);
        });
}

} // namespace midpoint::kernels
