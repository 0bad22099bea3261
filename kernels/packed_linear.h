// y = round(x W^T + bias) for few rows, rounded to the matrix's type even where y is stored as float32, with W copied once into the order in which the inner loop reads it.
//
// Every output is a sum over the inputs in rising order in float32 (bf16 instructions add two products at a time): it does not
// depend on the number of rows, on the other rows or on the threads.
#pragma once

#include "kernels/cpu_isa.h"
#include "kernels/element_type.h"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace midpoint::kernels {

class PackedMatrix {
public:
    PackedMatrix() = default;
    // `weight` is [outputs, inputs], contiguous.
    PackedMatrix(const void* weight, std::int64_t outputs, std::int64_t inputs, ElementType type, CpuIsa isa = bestIsa());

    // Copies changed weights of the same shape.
    void refresh(const void* weight);

    std::int64_t outputs() const { return m_outputs; }
    std::int64_t inputs() const { return m_inputs; }
    ElementType type() const { return m_type; }
    CpuIsa isa() const { return m_isa; }
    const void* data() const { return m_memory.get(); }
    std::int64_t bytes() const { return m_bytes; }

private:
    struct Free {
        void operator()(std::byte* memory) const;
    };
    std::int64_t m_outputs = 0;
    std::int64_t m_inputs = 0;
    ElementType m_type = ElementType::Float32;
    CpuIsa m_isa = CpuIsa::Baseline;
    std::int64_t m_bytes = 0;
    std::unique_ptr<std::byte, Free> m_memory;
};

struct PackedLinearArguments {
    std::int64_t rows = 0;
    const void* x = nullptr;    // [rows, inputs] in the matrix's type, contiguous
    const void* bias = nullptr; // [outputs] in the matrix's type; may be null
    void* y = nullptr;          // [rows, outputs], contiguous
    ElementType yType = ElementType::Float32; // the matrix's type, or Float32
};

void packedLinear(const PackedMatrix& matrix, const PackedLinearArguments& arguments);

void packedLinearReference(
    const void* weight, std::int64_t outputs, std::int64_t inputs, ElementType type, const PackedLinearArguments& arguments);

} // namespace midpoint::kernels
