// Work over LibTorch's threads, for kernels and decoding. Everything here that shall run on several threads goes through this
// function: at::parallel_for in a file that is compiled without OpenMP is a plain loop, and nothing says so.
#pragma once

#include <cstdint>
#include <functional>

namespace midpoint::kernels {

using RangeBody = std::function<void(std::int64_t begin, std::int64_t end)>;

// Calls body for disjoint ranges that cover [0, count), one range a thread and none shorter than `grain` (but the last); in the calling
// thread alone when the work is that small or a range already runs. As many threads as at::set_num_threads says. An exception of a body
// is thrown here.
void parallelRanges(std::int64_t count, std::int64_t grain, const RangeBody& body);

} // namespace midpoint::kernels
