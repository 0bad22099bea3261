// Where a model computes: on the processor with the fast CPU forms of kernels/, or on a device, whose memory LibTorch's tensors lie
// in and whose operations a module of kernels/cuda brings. A value that everything on LibTorch is given; it owns nothing.
#pragma once

#include "kernels/cuda/module.h"
#include "kernels/element_type.h"

#include <torch/types.h>

#include <cstdint>
#include <string>

namespace midpoint::compute {

class Device {
public:
    Device() = default; // the processor
    // Tensors at `place`, operations of `module`. Tests give the processor's memory a module that emulates devices.
    Device(torch::Device place, kernels::cuda::Module& module)
        : m_place(place)
        , m_module(&module)
    {
    }

    bool isProcessor() const { return m_module == nullptr; }
    torch::Device place() const { return m_place; }
    std::string name() const { return m_place.str(); } // "cpu", "cuda:0"

    // Not of the processor. Work is queued on LibTorch's present stream of the calling thread.
    kernels::cuda::Module& module() const;
    kernels::cuda::Operations& operations() const { return module().operations(); }
    kernels::cuda::Stream stream() const;

    // Memory of the device for this process: what is free, and what LibTorch holds of it already.
    std::int64_t memoryBytes() const;
    // Until everything that is queued has been done; nothing to wait for on the processor.
    void synchronize() const;

private:
    torch::Device m_place = torch::kCPU;
    kernels::cuda::Module* m_module = nullptr;
};

// A host array as a tensor at the device: a view of it on the processor (it has to outlive the tensor), a copy elsewhere.
torch::Tensor tensorAt(const Device& device, const std::int64_t* values, std::int64_t count);

// Of a contiguous tensor of float32, bfloat16 or float16.
kernels::ElementType elementType(torch::ScalarType type);

} // namespace midpoint::compute
