// Blocks of B are copied into panels of a tile's width, so that the inner loop reads them in order; A is read where it lies, a value
// at a time, or copied likewise when its rows are not contiguous. A tile of C stays in registers for one block of the depth.
#include "kernels/matrix_product_cpu.h"

#include "kernels/register_tile.h"

namespace midpoint::kernels::MIDPOINT_ISA {
namespace {

// Together in the second cache: a block of B of 480 x 256 numbers, one of A of 256 x 256.
constexpr std::int64_t kMostDepth = 256;
constexpr std::int64_t kBlockColumns = 480 / kPanel * kPanel;
constexpr std::int64_t kBlockRows = 256 / kRows * kRows;

std::int64_t lesser(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

// Equal blocks: their bounds follow from the depth alone.
std::int64_t blockDepth(std::int64_t depth)
{
    const std::int64_t blocks = (depth + kMostDepth - 1) / kMostDepth;
    return blocks == 0 ? 0 : (depth + blocks - 1) / blocks;
}

// [depth, columns] of B in panels: a panel holds its columns side by side, and the last one zeros up to whole vectors. Columns whose
// values lie together are read a cache line at a time: where they are a power of two apart, they would push each other out
// of the cache between two of their values.
void packColumns(const MatrixView& b, std::int64_t depth, std::int64_t columns, float* to)
{
    constexpr std::int64_t kLine = 16;
    for (std::int64_t first = 0; first < columns; first += kPanel) {
        const std::int64_t count = lesser(columns - first, kPanel);
        const std::int64_t width = roundUp(count, kLanes);
        const float* from = b.data + first * b.columnStride;
        if (b.columnStride == 1 && count == width)
            for (std::int64_t k = 0; k < depth; ++k)
                for (std::int64_t j = 0; j < width; j += kLanes)
                    store(to + k * width + j, load(from + k * b.rowStride + j));
        else
            for (std::int64_t begin = 0; begin < depth; begin += kLine)
                for (std::int64_t j = 0; j < width; ++j)
                    for (std::int64_t k = begin; k < lesser(begin + kLine, depth); ++k)
                        to[k * width + j] = j < count ? from[j * b.columnStride + k * b.rowStride] : 0.0F;
        to += depth * width;
    }
}

// [rows, depth] of A in strips of kRows rows, the values of one k side by side, the last strip with zeros.
void packRows(const MatrixView& a, std::int64_t rows, std::int64_t depth, float* to)
{
    for (std::int64_t first = 0; first < rows; first += kRows, to += kRows * depth) {
        const float* from = a.data + first * a.rowStride;
        const std::int64_t count = lesser(rows - first, kRows);
        if (a.rowStride == 1 && count == kRows)
            for (std::int64_t k = 0; k < depth; ++k)
                __builtin_memcpy(to + k * kRows, from + k * a.columnStride, kRows * sizeof(float));
        else
            for (std::int64_t r = 0; r < kRows; ++r)
                for (std::int64_t k = 0; k < depth; ++k)
                    to[k * kRows + r] = r < count ? from[r * a.rowStride + k * a.columnStride] : 0.0F;
    }
}

struct Target {
    float* c = nullptr;
    std::int64_t stride = 0;
    const float* bias = nullptr; // of the tile's columns; null: none
    bool isAdded = false;
};

// kRows rows of A by a panel of B, added up over `depth`.
template <int Vectors>
void productTile(const MatrixView& a, const float* b, std::int64_t depth, const Target& target)
{
    Floats sum[kRows][Vectors];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v)
            sum[r][v] = Floats {};
    const float* left = a.data;
    for (std::int64_t k = 0; k < depth; ++k, left += a.columnStride, b += Vectors * kLanes) {
        Floats right[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v)
            right[v] = load(b + v * kLanes);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
            const Floats value = splat(left[r * a.rowStride]);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v)
                sum[r][v] = fma(value, right[v], sum[r][v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            float* c = target.c + r * target.stride + v * kLanes;
            const Floats base = target.isAdded ? load(c) : target.bias != nullptr ? load(target.bias + v * kLanes) : Floats {};
            store(c, base + sum[r][v]);
        }
}

void productTile(std::int64_t width, const MatrixView& a, const float* b, std::int64_t depth, const Target& target)
{
    switch (width / kLanes) {
    case 3: return productTile<3 <= kVectors ? 3 : 1>(a, b, depth, target);
    case 2: return productTile<2>(a, b, depth, target);
    default: return productTile<1>(a, b, depth, target);
    }
}

// A tile at the lower or right edge of C goes through memory of its own.
void edgeTile(std::int64_t width, const MatrixView& a, const float* b, std::int64_t depth, const Target& target, std::int64_t rows,
    std::int64_t columns)
{
    float sums[kRows * kPanel];
    productTile(width, a, b, depth, { sums, width, nullptr, false });
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t j = 0; j < columns; ++j) {
            float& c = target.c[r * target.stride + j];
            c = (target.isAdded ? c : target.bias != nullptr ? target.bias[j] : 0.0F) + sums[r * width + j];
        }
}

bool isReadInPlace(const MatrixView& a) { return a.columnStride == 1; }

// One block: at most kBlockRows x kBlockColumns of C, one block of the depth.
void productBlock(const MatrixProduct& block, const float* panels, float* strips)
{
    const std::int64_t depth = block.depth;
    const std::int64_t wholeRows = block.rows / kRows * kRows;
    const std::int64_t inPlace = isReadInPlace(block.a) ? wholeRows : 0; // the last rows are copied in any case: a tile reads kRows
    packRows({ block.a.data + inPlace * block.a.rowStride, block.a.rowStride, block.a.columnStride }, block.rows - inPlace, depth, strips);
    for (std::int64_t column = 0; column < block.columns; column += kPanel) {
        const std::int64_t columns = lesser(block.columns - column, kPanel);
        const std::int64_t width = roundUp(columns, kLanes);
        const float* panel = panels + column * depth;
        for (std::int64_t row = 0; row < block.rows; row += kRows) {
            const MatrixView a = row < inPlace
                ? MatrixView { block.a.data + row * block.a.rowStride, block.a.rowStride, 1 }
                : MatrixView { strips + (row - inPlace) * depth, 1, kRows };
            const Target target { block.c + row * block.cStride + column, block.cStride,
                block.bias == nullptr ? nullptr : block.bias + column, block.isAdded };
            if (row + kRows <= block.rows && columns == width)
                productTile(width, a, panel, depth, target);
            else
                edgeTile(width, a, panel, depth, target, lesser(block.rows - row, kRows), columns);
        }
    }
}

} // namespace

std::int64_t productTileRows() { return kRows; }
std::int64_t productTileColumns() { return kPanel; }

std::int64_t productScratch(std::int64_t rows, std::int64_t columns, std::int64_t depth)
{
    return blockDepth(depth) * (roundUp(lesser(columns, kBlockColumns), kLanes) + roundUp(lesser(rows, kBlockRows), kRows));
}

void productPart(const MatrixProduct& part, float* scratch)
{
    const std::int64_t depthOfBlocks = blockDepth(part.depth);
    for (std::int64_t column = 0; column < part.columns; column += kBlockColumns) {
        MatrixProduct block = part;
        block.columns = lesser(part.columns - column, kBlockColumns);
        for (std::int64_t k = 0; k < part.depth; k += depthOfBlocks) {
            block.depth = lesser(part.depth - k, depthOfBlocks);
            block.isAdded = part.isAdded || k > 0;
            block.bias = part.bias == nullptr || k > 0 ? nullptr : part.bias + column;
            float* const strips = scratch + depthOfBlocks * roundUp(block.columns, kLanes);
            packColumns({ part.b.data + k * part.b.rowStride + column * part.b.columnStride, part.b.rowStride, part.b.columnStride },
                block.depth, block.columns, scratch);
            for (std::int64_t row = 0; row < part.rows; row += kBlockRows) {
                block.rows = lesser(part.rows - row, kBlockRows);
                block.a = { part.a.data + row * part.a.rowStride + k * part.a.columnStride, part.a.rowStride, part.a.columnStride };
                block.c = part.c + row * part.cStride + column;
                productBlock(block, scratch, strips);
            }
        }
    }
}

} // namespace midpoint::kernels::MIDPOINT_ISA
