// Root-mean-square normalisation of rows, as Hugging Face's Llama, Qwen2 and Qwen3 compute it:
//
//   y[r, i] = weight[i] * round(x[r, i] / sqrt(mean_i(x[r, i]^2) + epsilon))
//
// in float32, where round() is to the element type (no rounding in float32).
#pragma once

#include "kernels/cpu_isa.h"
#include "kernels/element_type.h"

#include <cstdint>

namespace midpoint::kernels {

struct RmsNormShape {
    std::int64_t rows = 0;
    std::int64_t width = 0;
    float epsilon = 1e-6F;
    ElementType type = ElementType::Float32; // of x, weight, y and their gradients
};

struct RmsNormForward {
    const void* x = nullptr;      // [rows, width]
    const void* weight = nullptr; // [width]
    void* y = nullptr;            // [rows, width]; may be x
    float* inverse = nullptr;     // [rows]: 1 / sqrt(mean + epsilon), kept for the backward pass; may be null
};

struct RmsNormBackward {
    const void* x = nullptr;
    const void* weight = nullptr;
    const float* inverse = nullptr;
    const void* gradY = nullptr;
    void* gradX = nullptr;       // [rows, width]; overwritten
    float* gradWeight = nullptr; // [width], float32; overwritten. The order of its sum does not depend on the threads.
};

void rmsNormForward(const RmsNormShape& shape, const RmsNormForward& arguments, CpuIsa isa = bestIsa());
void rmsNormBackward(const RmsNormShape& shape, const RmsNormBackward& arguments, CpuIsa isa = bestIsa());

// x[r, i] = round(x[r, i] + residual[r, i]), then as rmsNormForward: the way from one layer to the next when decoding.
struct AddRmsNorm {
    void* x = nullptr;              // [rows, width]; updated
    const void* residual = nullptr; // [rows, width]
    const void* weight = nullptr;   // [width]
    void* y = nullptr;              // [rows, width]
};
void addRmsNorm(const RmsNormShape& shape, const AddRmsNorm& arguments, CpuIsa isa = bestIsa());

void rmsNormForwardReference(const RmsNormShape& shape, const RmsNormForward& arguments);
void rmsNormBackwardReference(const RmsNormShape& shape, const RmsNormBackward& arguments);
void addRmsNormReference(const RmsNormShape& shape, const AddRmsNorm& arguments);

} // namespace midpoint::kernels
