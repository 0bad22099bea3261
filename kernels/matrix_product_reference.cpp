#include "kernels/matrix_product.h"

namespace midpoint::kernels {

void matrixProductReference(const MatrixProduct& product)
{
    for (std::int64_t i = 0; i < product.rows; ++i)
        for (std::int64_t j = 0; j < product.columns; ++j) {
            double sum = product.bias == nullptr ? 0.0 : static_cast<double>(product.bias[j]);
            for (std::int64_t k = 0; k < product.depth; ++k)
                sum += static_cast<double>(product.a.data[i * product.a.rowStride + k * product.a.columnStride])
                    * static_cast<double>(product.b.data[k * product.b.rowStride + j * product.b.columnStride]);
            float& c = product.c[i * product.cStride + j];
            c = static_cast<float>(product.isAdded ? static_cast<double>(c) + sum : sum);
        }
}

} // namespace midpoint::kernels
