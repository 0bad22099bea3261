#include "kernels/cuda/module.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/operation_set.h"

#include <algorithm>
#include <cuda_architectures.h>

namespace midpoint::kernels::cuda {

void require(cudaError_t result, const char* what)
{
    if (result != cudaSuccess)
        throw Error(ErrorKind::Resource, concat("CUDA: ", what, ": ", cudaGetErrorString(result), " (", cudaGetErrorName(result), ")"));
}

namespace {

struct LaunchOn {
    CudaLaunch operator()(Stream stream) const { return { static_cast<cudaStream_t>(stream) }; }
};

std::string versionText(int version) { return concat(version / 1000, ".", version % 1000 / 10); }

Device describe(int index)
{
    cudaDeviceProp properties {};
    require(cudaGetDeviceProperties(&properties, index), "properties of a device");
    Device device;
    device.index = index;
    device.name = properties.name;
    device.capability = 10 * properties.major + properties.minor;
    device.multiprocessors = properties.multiProcessorCount;
    require(cudaSetDevice(index), "choice of a device");
    std::size_t free = 0;
    std::size_t total = 0;
    require(cudaMemGetInfo(&free, &total), "memory of a device");
    device.memoryBytes = static_cast<std::int64_t>(total);
    device.freeMemoryBytes = static_cast<std::int64_t>(free);
    return device;
}

std::vector<int> peersOf(int index, int count)
{
    std::vector<int> peers;
    for (int other = 0; other < count; ++other) {
        int reaches = 0;
        if (other != index)
            require(cudaDeviceCanAccessPeer(&reaches, index, other), "access of a device to another");
        if (reaches != 0)
            peers.push_back(other);
    }
    return peers;
}

// Code for an older device runs on a newer one, but not the other way round.
std::string missingCode(const Discovery& found)
{
    const int oldest = *std::min_element(found.architectures.begin(), found.architectures.end());
    for (const Device& device : found.devices)
        if (device.capability < oldest)
            return concat(device.name, " has compute capability ", device.capability / 10, ".", device.capability % 10,
                ", the module's code begins with ", oldest / 10, ".", oldest % 10, "; build with MIDPOINT_CUDA_ARCHITECTURES=", device.capability);
    return {};
}

class CudaModule : public Module {
public:
    Discovery discover() override
    {
        Discovery found;
        found.architectures = { MIDPOINT_CUDA_ARCHITECTURES };
        int version = 0;
        if (cudaRuntimeGetVersion(&version) == cudaSuccess)
            found.runtime = versionText(version);
        if (cudaDriverGetVersion(&version) == cudaSuccess && version > 0)
            found.driver = versionText(version);
        int count = 0;
        const cudaError_t result = cudaGetDeviceCount(&count);
        if (result != cudaSuccess || count == 0) {
            found.problem = found.driver.empty() ? "no NVIDIA driver" : result == cudaSuccess ? "no device" : cudaGetErrorString(result);
            cudaGetLastError(); // the next call begins anew
            return found;
        }
        try {
            int current = 0;
            require(cudaGetDevice(&current), "the current device");
            for (int i = 0; i < count; ++i) {
                found.devices.push_back(describe(i));
                found.devices.back().peers = peersOf(i, count);
            }
            require(cudaSetDevice(current), "choice of a device");
            found.problem = missingCode(found);
        } catch (const Error& error) {
            found.problem = error.what();
        }
        return found;
    }

    void useDevice(int index) override { require(cudaSetDevice(index), "choice of a device"); }
    void* allocate(std::int64_t bytes) override
    {
        void* memory = nullptr;
        if (bytes > 0)
            require(cudaMalloc(&memory, static_cast<std::size_t>(bytes)), "device memory");
        return memory;
    }
    void release(void* memory) override { require(cudaFree(memory), "return of device memory"); }
    void copyToDevice(void* to, const void* from, std::int64_t bytes, Stream stream) override
    {
        copy(to, from, bytes, cudaMemcpyHostToDevice, stream);
    }
    void copyToHost(void* to, const void* from, std::int64_t bytes, Stream stream) override
    {
        copy(to, from, bytes, cudaMemcpyDeviceToHost, stream);
    }
    void wait(Stream stream) override { require(cudaStreamSynchronize(static_cast<cudaStream_t>(stream)), "work on the device"); }
    Operations& operations() override { return m_operations; }

private:
    static void copy(void* to, const void* from, std::int64_t bytes, cudaMemcpyKind kind, Stream stream)
    {
        if (bytes > 0)
            require(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), kind, static_cast<cudaStream_t>(stream)), "copy of memory");
    }

    OperationSet<LaunchOn> m_operations;
};

} // namespace
} // namespace midpoint::kernels::cuda

extern "C" midpoint::kernels::cuda::Module* midpoint_cuda_module()
{
    static midpoint::kernels::cuda::CudaModule module;
    return &module;
}
