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

FreeMemory freeMemoryOfCurrent()
{
    std::size_t free = 0;
    std::size_t total = 0;
    require(cudaMemGetInfo(&free, &total), "memory of a device");
    return { static_cast<std::int64_t>(free), static_cast<std::int64_t>(total) };
}

// Makes it the current one.
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
    const FreeMemory memory = freeMemoryOfCurrent();
    device.memoryBytes = memory.allBytes;
    device.freeMemoryBytes = memory.bytes;
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
std::string missingCode(const Device& device)
{
    const std::vector<int> architectures = { MIDPOINT_CUDA_ARCHITECTURES };
    const int oldest = *std::min_element(architectures.begin(), architectures.end());
    if (device.capability >= oldest)
        return {};
    return concat(device.name, " has compute capability ", device.capability / 10, ".", device.capability % 10,
        ", the module's code begins with ", oldest / 10, ".", oldest % 10, "; build with MIDPOINT_CUDA_ARCHITECTURES=", device.capability);
}

// How many devices there are. `problem` says why there is none.
int countDevices(std::string& problem)
{
    int version = 0;
    const bool hasDriver = cudaDriverGetVersion(&version) == cudaSuccess && version > 0;
    int count = 0;
    const cudaError_t result = cudaGetDeviceCount(&count);
    if (result == cudaSuccess && count > 0)
        return count;
    problem = !hasDriver ? "no NVIDIA driver" : result == cudaSuccess ? "no device" : cudaGetErrorString(result);
    cudaGetLastError(); // the next call begins anew
    return 0;
}

class CudaEvent final : public Event {
public:
    CudaEvent() { require(cudaEventCreateWithFlags(&m_event, cudaEventDisableTiming), "an event"); }
    ~CudaEvent() override { cudaEventDestroy(m_event); }
    CudaEvent(const CudaEvent&) = delete;
    CudaEvent& operator=(const CudaEvent&) = delete;
    void record(Stream stream) override { require(cudaEventRecord(m_event, static_cast<cudaStream_t>(stream)), "record of an event"); }
    void wait() override { require(cudaEventSynchronize(m_event), "work on the device"); }

private:
    cudaEvent_t m_event = nullptr;
};

class CudaGraph final : public Graph {
public:
    explicit CudaGraph(cudaGraph_t graph) { require(cudaGraphInstantiate(&m_graph, graph, 0), "instance of a graph"); }
    ~CudaGraph() override { cudaGraphExecDestroy(m_graph); }
    CudaGraph(const CudaGraph&) = delete;
    CudaGraph& operator=(const CudaGraph&) = delete;
    void launch(Stream stream) override { require(cudaGraphLaunch(m_graph, static_cast<cudaStream_t>(stream)), "start of a graph"); }

private:
    cudaGraphExec_t m_graph = nullptr;
};

// A graph as it was recorded, until it is instantiated.
struct RecordedGraph {
    cudaGraph_t graph = nullptr;
    ~RecordedGraph()
    {
        if (graph != nullptr)
            cudaGraphDestroy(graph);
    }
};

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
        const int count = countDevices(found.problem);
        if (count == 0)
            return found;
        try {
            int current = 0;
            require(cudaGetDevice(&current), "the current device");
            for (int i = 0; i < count; ++i) {
                found.devices.push_back(describe(i));
                found.devices.back().peers = peersOf(i, count);
            }
            require(cudaSetDevice(current), "choice of a device");
            for (const Device& device : found.devices)
                if (found.problem.empty())
                    found.problem = missingCode(device);
        } catch (const Error& error) {
            found.problem = error.what();
        }
        return found;
    }

    Device openDevice(int index) override
    {
        std::string problem;
        const int count = countDevices(problem);
        if (count == 0)
            throw Error(ErrorKind::Resource, problem);
        if (index < 0 || index >= count)
            throw Error(ErrorKind::Resource, concat("expected a device below ", count, ", found ", count, count == 1 ? " device" : " devices"));
        Device device = describe(index);
        problem = missingCode(device);
        if (!problem.empty())
            throw Error(ErrorKind::Resource, problem);
        return device;
    }

    void useDevice(int index) override { require(cudaSetDevice(index), "choice of a device"); }
    FreeMemory freeMemory() override { return freeMemoryOfCurrent(); }
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
    void* allocateOnHost(std::int64_t bytes) override
    {
        void* memory = nullptr;
        if (bytes > 0)
            require(cudaMallocHost(&memory, static_cast<std::size_t>(bytes)), "memory of the host for copies");
        return memory;
    }
    void releaseOnHost(void* memory) override { require(cudaFreeHost(memory), "return of the host's memory"); }
    std::unique_ptr<Event> makeEvent() override { return std::make_unique<CudaEvent>(); }
    std::unique_ptr<Graph> capture(Stream stream, const std::function<void()>& work) override
    {
        // Other threads may go on allocating; this one must not.
        const auto on = static_cast<cudaStream_t>(stream);
        require(cudaStreamBeginCapture(on, cudaStreamCaptureModeThreadLocal), "record of a graph");
        RecordedGraph recorded;
        try {
            work();
        } catch (...) {
            cudaStreamEndCapture(on, &recorded.graph);
            cudaGetLastError();
            throw;
        }
        require(cudaStreamEndCapture(on, &recorded.graph), "record of a graph");
        return std::make_unique<CudaGraph>(recorded.graph);
    }
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
