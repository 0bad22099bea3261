// For <op>.cpp: rows over ATen's threads. Rows are independent, so the split does not change results.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>

namespace midpoint::kernels {

// Calls body(begin, end). A thread gets at least kElementsPerThread elements, so that small work is not handed around.
template <typename Body>
void forEachRowRange(std::int64_t rows, std::int64_t width, const Body& body)
{
    constexpr std::int64_t kElementsPerThread = 8192;
    const std::int64_t grain = std::max<std::int64_t>(1, kElementsPerThread / std::max<std::int64_t>(1, width));
    at::parallel_for(0, rows, grain, body);
}

} // namespace midpoint::kernels
