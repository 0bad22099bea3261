// The fast CPU form of matrix_product.h for a part of C.
#pragma once

#include "kernels/isa_dispatch.h"
#include "kernels/matrix_product.h"

namespace midpoint::kernels {

MIDPOINT_DECLARE_FOR_EACH_ISA(
    // Rows and columns that are computed together: parts begin at multiples of them.
    std::int64_t productTileRows();
    std::int64_t productTileColumns();
    // Numbers of scratch memory that a part of this many rows and columns needs.
    std::int64_t productScratch(std::int64_t rows, std::int64_t columns, std::int64_t depth);
    void productPart(const MatrixProduct& part, float* scratch);)

} // namespace midpoint::kernels
