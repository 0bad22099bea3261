#include "kernels/sample_cpu.h"

#include "kernels/simd.h"

namespace midpoint::kernels::MIDPOINT_ISA {
namespace {

Floats scaled(const SampleRow& row, std::int64_t i, std::int64_t end)
{
    if (i + kLanes <= end)
        return load(row.logits + i) * row.factor;
    Floats value = splat(-__builtin_inff());
    for (std::int64_t lane = 0; i + lane < end; ++lane)
        value[lane] = row.logits[i + lane] * row.factor;
    return value;
}

std::int64_t endOf(const SampleRow& row, const SampleBlocks& blocks, std::int64_t block)
{
    const std::int64_t end = (block + 1) * blocks.length;
    return end < row.vocabulary ? end : row.vocabulary;
}

} // namespace

void measureBlocks(const SampleRow& row, SampleBlocks& blocks)
{
    constexpr std::int64_t kShortest = 4 * kLanes;
    const std::int64_t length = roundUp((row.vocabulary + SampleBlocks::kMost - 1) / SampleBlocks::kMost, kLanes);
    blocks.length = length > kShortest ? length : kShortest;
    blocks.count = (row.vocabulary + blocks.length - 1) / blocks.length;
    Floats top = splat(-__builtin_inff());
    for (std::int64_t b = 0; b < blocks.count; ++b) {
        const std::int64_t end = endOf(row, blocks, b);
        Floats largest = splat(-__builtin_inff());
        for (std::int64_t i = b * blocks.length; i < end; i += kLanes)
            largest = maximum(scaled(row, i, end), largest); // a NaN is passed over here; it shows in the sum
        blocks.maximum[b] = maxLanes(largest);
        top = maximum(top, largest);
    }
    blocks.top = maxLanes(top);
    blocks.total = 0;
    for (std::int64_t b = 0; b < blocks.count; ++b) {
        const std::int64_t end = endOf(row, blocks, b);
        Floats sum {};
        for (std::int64_t i = b * blocks.length; i < end; i += kLanes)
            sum += exponential(scaled(row, i, end) - blocks.top);
        blocks.sum[b] = static_cast<double>(sumLanes(sum));
        blocks.total += blocks.sum[b];
    }
}

std::int32_t drawByInversion(const SampleRow& row, const SampleBlocks& blocks, double target)
{
    std::int64_t block = 0;
    double before = 0;
    while (block + 1 < blocks.count && before + blocks.sum[block] <= target)
        before += blocks.sum[block++];
    // Rounding may carry the target past the last block with any probability: then the last one that has some.
    while (block > 0 && blocks.sum[block] == 0.0)
        before -= blocks.sum[--block];
    const std::int64_t end = endOf(row, blocks, block);
    std::int64_t last = block * blocks.length;
    for (std::int64_t i = block * blocks.length; i < end; i += kLanes) {
        const Floats e = exponential(scaled(row, i, end) - blocks.top);
        for (std::int64_t lane = 0; lane < kLanes; ++lane) {
            if (e[lane] > 0.0F)
                last = i + lane;
            before += static_cast<double>(e[lane]);
            if (before > target)
                return static_cast<std::int32_t>(last);
        }
    }
    return static_cast<std::int32_t>(last);
}

std::int64_t collectAtLeast(const SampleRow& row, float top, float bound, std::int32_t* ids, float* weights)
{
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < row.vocabulary; i += kLanes) {
        const Floats z = scaled(row, i, row.vocabulary);
        if (maxLanes(z) < bound)
            continue;
        const Floats weight = exponential(z - top);
        for (std::int64_t lane = 0; lane < kLanes && i + lane < row.vocabulary; ++lane)
            if (z[lane] >= bound) {
                ids[count] = static_cast<std::int32_t>(i + lane);
                weights[count++] = weight[lane];
            }
    }
    return count;
}

std::int32_t largestToken(const SampleRow& row, const SampleBlocks& blocks)
{
    std::int64_t block = 0;
    while (blocks.maximum[block] != blocks.top)
        ++block;
    std::int64_t token = block * blocks.length;
    while (row.logits[token] * row.factor != blocks.top)
        ++token;
    return static_cast<std::int32_t>(token);
}

} // namespace midpoint::kernels::MIDPOINT_ISA
