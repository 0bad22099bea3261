// The gated activation of Llama-like feed-forward layers: y = round(silu(gate)) * up with silu(x) = x / (1 + exp(-x)), where
// round() is to the element type.
#pragma once

#include "kernels/cpu_isa.h"
#include "kernels/element_type.h"

#include <cstdint>

namespace midpoint::kernels {

struct SwigluShape {
    std::int64_t rows = 0;
    std::int64_t width = 0;
    std::int64_t inputStride = 0; // elements between rows of gate and of up (2 * width when they lie side by side)
    ElementType type = ElementType::Float32;
};

struct SwigluForward {
    const void* gate = nullptr; // [rows, inputStride]
    const void* up = nullptr;   // [rows, inputStride]
    void* y = nullptr;          // [rows, width], contiguous
};

struct SwigluBackward {
    const void* gate = nullptr;
    const void* up = nullptr;
    const void* gradY = nullptr; // [rows, width]
    void* gradGate = nullptr;    // [rows, inputStride]; overwritten
    void* gradUp = nullptr;      // [rows, inputStride]; overwritten
};

void swigluForward(const SwigluShape& shape, const SwigluForward& arguments, CpuIsa isa = bestIsa());
void swigluBackward(const SwigluShape& shape, const SwigluBackward& arguments, CpuIsa isa = bestIsa());

void swigluForwardReference(const SwigluShape& shape, const SwigluForward& arguments);
void swigluBackwardReference(const SwigluShape& shape, const SwigluBackward& arguments);

} // namespace midpoint::kernels
