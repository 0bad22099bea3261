// For <op>.cpp: rows over LibTorch's threads. Rows are independent, so the split does not change results.
#pragma once

#include "kernels/parallel.h"

#include <algorithm>
#include <cstdint>

namespace midpoint::kernels {

// Calls body(begin, end). A thread gets at least kElementsPerThread elements, so that small work is not handed around.
inline void forEachRowRange(std::int64_t rows, std::int64_t width, const RangeBody& body)
{
    constexpr std::int64_t kElementsPerThread = 32768;
    const std::int64_t grain = std::max<std::int64_t>(1, kElementsPerThread / std::max<std::int64_t>(1, width));
    parallelRanges(rows, grain, body);
}

} // namespace midpoint::kernels
