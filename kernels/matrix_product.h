// C = A B + bias, or C += A B, in float32 with operands of any strides: the products of the training passes on the processor.
// LibTorch's own make a primitive for every new number of tokens, and in training nearly every batch has a new one.
//
// Every sum runs over the depth in blocks of a size that follows from the depth alone, in rising order: it does not depend on the
// other rows and columns or on the threads.
#pragma once

#include "kernels/cpu_isa.h"

#include <cstdint>

namespace midpoint::kernels {

struct MatrixView {
    const float* data = nullptr; // element (i, j) at data[i * rowStride + j * columnStride]
    std::int64_t rowStride = 0;
    std::int64_t columnStride = 1;
};

struct MatrixProduct {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::int64_t depth = 0;
    MatrixView a;                // [rows, depth]
    MatrixView b;                // [depth, columns]
    const float* bias = nullptr; // [columns]; null: none
    float* c = nullptr;          // [rows, columns], rows cStride apart
    std::int64_t cStride = 0;
    bool isAdded = false;        // to what c holds
};

void matrixProduct(const MatrixProduct& product, CpuIsa isa = bestIsa());
void matrixProductReference(const MatrixProduct& product);

} // namespace midpoint::kernels
