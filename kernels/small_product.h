// Products of small matrices in registers, the inner loop of attention and of the linear layers. For <op>_cpu.cpp only.
#pragma once

#include "kernels/simd.h"

namespace midpoint::kernels::MIDPOINT_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kTileRows = 8; // 8 x 3 sums + 3 operands of 32 registers
constexpr int kTileVectors = 3;
#else
constexpr int kTileRows = 4; // 4 x 2 sums + 2 operands + 1 of 16 registers
constexpr int kTileVectors = 2;
#endif

struct SmallProduct {
    const float* a = nullptr;    // [rows, depth], element (r, k) at a[r * aRow + k * aColumn]
    std::int64_t aRow = 0;
    std::int64_t aColumn = 1;
    const float* b = nullptr;    // [depth, columns], rows bRow apart
    std::int64_t bRow = 0;
    float* c = nullptr;          // [rows, columns], rows cRow apart
    std::int64_t cRow = 0;
    std::int64_t depth = 0;
    bool accumulate = false;     // add to c instead of overwriting it
};

template <int Rows, int Vectors>
inline void productTile(const SmallProduct& p, std::int64_t row, std::int64_t column)
{
    Floats sum[Rows][Vectors];
    const float* a = p.a + row * p.aRow;
    const float* b = p.b + column;
    float* c = p.c + row * p.cRow + column;
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v)
            sum[r][v] = p.accumulate ? load(c + r * p.cRow + v * kLanes) : Floats {};
    for (std::int64_t k = 0; k < p.depth; ++k) {
        Floats right[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v)
            right[v] = load(b + k * p.bRow + v * kLanes);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            const Floats left = splat(a[r * p.aRow + k * p.aColumn]);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v)
                sum[r][v] = fma(left, right[v], sum[r][v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v)
            store(c + r * p.cRow + v * kLanes, sum[r][v]);
}

template <int Vectors>
inline void productColumns(const SmallProduct& p, std::int64_t rows, std::int64_t column)
{
    std::int64_t row = 0;
    for (; row + kTileRows <= rows; row += kTileRows)
        productTile<kTileRows, Vectors>(p, row, column);
    if (kTileRows > 4 && row + 4 <= rows) {
        productTile<4, Vectors>(p, row, column);
        row += 4;
    }
    for (; row < rows; ++row)
        productTile<1, Vectors>(p, row, column);
}

// c = a b, or c += a b. `columns` is a multiple of kLanes; every sum runs over k in rising order, whatever the tile.
inline void smallProduct(const SmallProduct& p, std::int64_t rows, std::int64_t columns)
{
    std::int64_t column = 0;
    for (; column + kTileVectors * kLanes <= columns; column += kTileVectors * kLanes)
        productColumns<kTileVectors>(p, rows, column);
    if (kTileVectors > 2 && column + 2 * kLanes <= columns) {
        productColumns<2>(p, rows, column);
        column += 2 * kLanes;
    }
    for (; column + kLanes <= columns; column += kLanes)
        productColumns<1>(p, rows, column);
}

} // namespace
} // namespace midpoint::kernels::MIDPOINT_ISA
