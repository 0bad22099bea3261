// A thread's view of its block on the device. The host's twin, which the tests use, is tests/kernels/block_emulator.h.
#pragma once

#include "kernels/cuda/portable.h"

namespace midpoint::kernels::cuda {

class DeviceBlock {
public:
    __device__ __forceinline__ std::int64_t x() const { return blockIdx.x; }
    __device__ __forceinline__ std::int64_t y() const { return blockIdx.y; }
    __device__ __forceinline__ std::int64_t z() const { return blockIdx.z; }
    __device__ __forceinline__ int thread() const { return static_cast<int>(threadIdx.x); }
    __device__ __forceinline__ int threads() const { return static_cast<int>(blockDim.x); }
    __device__ __forceinline__ void sync() const { __syncthreads(); }

    template <typename T>
    __device__ __forceinline__ T* shared(std::int64_t byteOffset = 0) const
    {
        extern __shared__ __align__(16) unsigned char memory[];
        return reinterpret_cast<T*>(memory + byteOffset);
    }

    // Over groups of neighbouring lanes; every lane gets the result.
    template <int Lanes = kWarp, typename Value>
    __device__ __forceinline__ Value sum(Value value) const
    {
#pragma unroll
        for (int offset = Lanes / 2; offset > 0; offset /= 2)
            value += __shfl_xor_sync(kAllLanes, value, offset);
        return value;
    }
    template <int Lanes = kWarp, typename Value>
    __device__ __forceinline__ Value max(Value value) const
    {
#pragma unroll
        for (int offset = Lanes / 2; offset > 0; offset /= 2) {
            const Value other = __shfl_xor_sync(kAllLanes, value, offset);
            value = value < other ? other : value;
        }
        return value;
    }
    // The sum over the lanes before this one, and itself.
    template <typename Value>
    __device__ __forceinline__ Value runningSum(Value value) const
    {
#pragma unroll
        for (int offset = 1; offset < kWarp; offset *= 2) {
            const Value before = __shfl_up_sync(kAllLanes, value, offset);
            if (thread() % kWarp >= offset)
                value += before;
        }
        return value;
    }
    // Any order: for integers only.
    __device__ __forceinline__ int fetchAdd(int* counter, int value) const { return atomicAdd(counter, value); }

private:
    static constexpr unsigned kAllLanes = 0xffffffffU;
};

} // namespace midpoint::kernels::cuda
