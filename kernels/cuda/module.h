// The border between the program and libmidpoint_cuda: devices, their memory and the operations on it. The module is opened with
// dlopen and asked for the one function below; it opens on any machine and then says what is missing. No CUDA headers here.
#pragma once

#include "kernels/cuda/operations.h"

#include <cstdint>
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

class Module {
public:
    virtual ~Module() = default;
    virtual Discovery discover() = 0; // never throws for what is missing

    // All below throw Error{Resource}. They work on the current device of the calling thread.
    virtual void useDevice(int index) = 0;
    virtual void* allocate(std::int64_t bytes) = 0;
    virtual void release(void* memory) = 0;
    virtual void copyToDevice(void* to, const void* from, std::int64_t bytes, Stream stream) = 0;
    virtual void copyToHost(void* to, const void* from, std::int64_t bytes, Stream stream) = 0;
    virtual void wait(Stream stream) = 0; // until all that is queued has been done; reports errors of kernels too
    virtual Operations& operations() = 0;
};

} // namespace midpoint::kernels::cuda

// Exported by libmidpoint_cuda; the object lives as long as the module.
extern "C" midpoint::kernels::cuda::Module* midpoint_cuda_module();
