#include "kernels/parallel.h"

#include <ATen/Parallel.h>

#ifndef INTRA_OP_PARALLEL
#error "this file must be compiled with OpenMP, as LibTorch is; otherwise parallel_for is a plain loop"
#endif

namespace midpoint::kernels {

void parallelRanges(std::int64_t count, std::int64_t grain, const RangeBody& body)
{
    at::parallel_for(0, count, grain, body);
}

} // namespace midpoint::kernels
