// Sums and maxima over the threads that share a row: one warp or the whole block. Every thread of the block takes part, and all
// of them get the result. The order of a sum is fixed.
#pragma once

#include "kernels/cuda/portable.h"

namespace midpoint::kernels::cuda {

constexpr int kMostWarps = 32;

// Combines one value of every thread of the block by way of shared memory at `scratch` [kMostWarps], which may be used again
// right afterwards.
template <typename Value, typename Block, typename Warp, typename Combine>
MIDPOINT_DEVICE Value overBlock(Block& block, Value value, Value* scratch, Warp overWarp, Combine combine)
{
    value = overWarp(value);
    if (block.thread() % kWarp == 0)
        scratch[block.thread() / kWarp] = value;
    block.sync();
    Value all = scratch[0];
    for (int w = 1; w < block.threads() / kWarp; ++w)
        all = combine(all, scratch[w]);
    block.sync();
    return all;
}

template <int Lanes, typename Value, typename Block>
MIDPOINT_DEVICE Value rowSum(Block& block, Value value, Value* scratch)
{
    if constexpr (Lanes == kWarp)
        return block.sum(value);
    else
        return overBlock(
            block, value, scratch, [&](Value v) { return block.sum(v); }, [](Value a, Value b) { return a + b; });
}

template <int Lanes, typename Value, typename Block>
MIDPOINT_DEVICE Value rowMax(Block& block, Value value, Value* scratch)
{
    if constexpr (Lanes == kWarp)
        return block.max(value);
    else
        return overBlock(
            block, value, scratch, [&](Value v) { return block.max(v); }, [](Value a, Value b) { return a < b ? b : a; });
}

// Threads that share one row: a warp for narrow rows, the block for wide ones.
constexpr int kRowThreads = 256;
constexpr std::int64_t kWarpRowWidth = 1024;

} // namespace midpoint::kernels::cuda
