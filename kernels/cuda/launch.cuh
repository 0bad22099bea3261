// Starts the body of a kernel on a stream. A body is a plain struct:
//
//   static constexpr int kThreads;                  threads of a block
//   std::int64_t sharedBytes() const;               shared memory of a block
//   template <typename Block> void operator()(Block& block) const;
#pragma once

#include "kernels/cuda/block.cuh"

#include <cuda_runtime_api.h>

#include <string>

namespace midpoint::kernels::cuda {

// Throws Error{Resource} that names what was tried and CUDA's reason.
void require(cudaError_t result, const char* what);

template <typename Body>
__global__ void __launch_bounds__(Body::kThreads) runBody(const __grid_constant__ Body body)
{
    DeviceBlock block;
    body(block);
}

struct CudaLaunch {
    cudaStream_t stream = nullptr;

    template <typename Body>
    void operator()(const Grid& grid, const Body& body) const
    {
        if (grid.x <= 0 || grid.y <= 0 || grid.z <= 0)
            return;
        constexpr std::int64_t kWithoutAsking = 48 * 1024;
        const std::int64_t shared = body.sharedBytes();
        if (shared > kWithoutAsking)
            require(cudaFuncSetAttribute(runBody<Body>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
                "shared memory of a kernel");
        const dim3 blocks(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z));
        runBody<Body><<<blocks, Body::kThreads, static_cast<std::size_t>(shared), stream>>>(body);
        require(cudaGetLastError(), "start of a kernel");
    }
};

} // namespace midpoint::kernels::cuda
