// The border between the program and libmidpoint_cuda: devices, their memory and the operations on it. The module is opened with
// dlopen and asked for the one function below; it opens on any machine and then says what is missing. No CUDA headers here.
#pragma once

#include "kernels/cuda/operations.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace midpoint::kernels::cuda {

inline constexpr const char* kModuleFile = "libmidpoint_cuda.so";

struct Device {
    int index = 0;
    std::string name;
    int capability = 0;             // 90: compute capability 9.0
    int multiprocessors = 0;
    std::int64_t memoryBytes = 0;
    std::int64_t freeMemoryBytes = 0;
    std::vector<int> peers;         // devices whose memory this one reaches directly
};

struct Discovery {
    std::string runtime;            // the CUDA run time that the module holds, "13.0"
    std::string driver;             // the newest run time that the driver serves; empty: no driver
    std::vector<int> architectures; // that the module holds code for
    std::vector<Device> devices;
    std::string problem;            // why there is no device to work with; empty if there is one
};

struct FreeMemory {
    std::int64_t bytes = 0;
    std::int64_t allBytes = 0; // of the device, also what others use
};

// A point in a stream that the host can wait for.
class Event {
public:
    virtual ~Event() = default;
    virtual void record(Stream stream) = 0;
    virtual void wait() = 0; // until what was queued before the record has been done
};

// Work that was queued once, started again with one call: same operations, same memory.
class Graph {
public:
    virtual ~Graph() = default;
    virtual void launch(Stream stream) = 0;
};

class Module {
public:
    virtual ~Module() = default;
    // Looks at every device, which takes a little memory on each; never throws for what is missing.
    virtual Discovery discover() = 0;
    // Makes one device the calling thread's. Throws Error{Resource} where it is missing or the module holds no code for it.
    virtual Device openDevice(int index) = 0;

    // All below throw Error{Resource}. They work on the current device of the calling thread.
    virtual void useDevice(int index) = 0;
    virtual FreeMemory freeMemory() = 0;
    virtual void* allocate(std::int64_t bytes) = 0;
    virtual void release(void* memory) = 0;
    virtual void copyToDevice(void* to, const void* from, std::int64_t bytes, Stream stream) = 0;
    virtual void copyToHost(void* to, const void* from, std::int64_t bytes, Stream stream) = 0;
    virtual void wait(Stream stream) = 0; // until all that is queued has been done; reports errors of kernels too
    // Memory of the host that copies reach without the host's help.
    virtual void* allocateOnHost(std::int64_t bytes) = 0;
    virtual void releaseOnHost(void* memory) = 0;
    virtual std::unique_ptr<Event> makeEvent() = 0;
    // Records what `work` queues on the stream, which is not the default one, instead of doing it. Nothing in it may wait or allocate.
    virtual std::unique_ptr<Graph> capture(Stream stream, const std::function<void()>& work) = 0;
    virtual Operations& operations() = 0;
};

} // namespace midpoint::kernels::cuda

// Exported by libmidpoint_cuda; the object lives as long as the module.
extern "C" midpoint::kernels::cuda::Module* midpoint_cuda_module();
