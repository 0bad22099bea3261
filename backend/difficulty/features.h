// The embeddings of a pool as beliefs use them: every column with mean 0 and deviation 1 over the pool, all scaled alike, kept
// as bfloat16. Two bytes a number, so that a million prompts of 1,152 numbers fit in 2.3 GB; the rounding, 1 in 256 of each
// number, is far below what a success rate can be known to.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace midpoint::difficulty {

// Where embeddings come from: fills `out` with whole rows from `firstRow` on, in the order of the pool. Asked for all rows twice.
struct EmbeddingRows {
    std::int64_t dimension = 0;
    std::function<void(std::int64_t firstRow, std::span<float> out)> read;
};
EmbeddingRows embeddingRows(std::span<const float> values, std::int64_t dimension); // `values` have to stay

class Features {
public:
    Features() = default; // of no columns
    // Scaled so that a row has length `rowLength` on average (root mean square). A column that is the same everywhere becomes 0.
    Features(const EmbeddingRows& embeddings, std::int64_t rows, double rowLength);

    std::int64_t dimension() const { return m_dimension; }
    // Rows with their padding: paddedRow(dimension) numbers (row_products.h).
    const std::uint16_t* row(std::int64_t index) const;
    void copyRow(std::int64_t index, float* out) const; // dimension() numbers

private:
    std::int64_t m_dimension = 0;
    std::size_t m_stride = 0;
    std::vector<std::uint16_t> m_numbers;
};

} // namespace midpoint::difficulty
