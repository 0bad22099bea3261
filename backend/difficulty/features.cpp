#include "backend/difficulty/features.h"

#include "backend/difficulty/row_products.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace midpoint::difficulty {
namespace {

constexpr std::int64_t kRowsPerBlock = 1024;

// To nearest, ties to even. Embeddings are finite.
std::uint16_t toBfloat16(float value)
{
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16U) & 1U)) >> 16U);
}

template <typename Use>
void forEachRow(const EmbeddingRows& embeddings, std::int64_t rows, const Use& use)
{
    const auto width = static_cast<std::size_t>(embeddings.dimension);
    std::vector<float> block;
    for (std::int64_t first = 0; first < rows; first += kRowsPerBlock) {
        const auto count = static_cast<std::size_t>(std::min(kRowsPerBlock, rows - first));
        block.resize(count * width);
        embeddings.read(first, block);
        for (std::size_t i = 0; i < count; ++i)
            use(first + static_cast<std::int64_t>(i), block.data() + i * width);
    }
}

} // namespace

EmbeddingRows embeddingRows(std::span<const float> values, std::int64_t dimension)
{
    return { dimension, [values, dimension](std::int64_t firstRow, std::span<float> out) {
                std::copy_n(values.begin() + firstRow * dimension, out.size(), out.begin());
            } };
}

Features::Features(const EmbeddingRows& embeddings, std::int64_t rows, double rowLength)
    : m_dimension(embeddings.dimension)
    , m_stride(paddedRow(static_cast<std::size_t>(embeddings.dimension)))
    , m_numbers(static_cast<std::size_t>(rows) * m_stride)
{
    const auto width = static_cast<std::size_t>(m_dimension);
    // Welford's running mean and sum of squares, a row at a time: one reading, and exact where the mean is far from 0.
    std::vector<double> mean(width, 0.0);
    std::vector<double> squares(width, 0.0);
    forEachRow(embeddings, rows, [&](std::int64_t row, const float* values) {
        const double share = 1.0 / static_cast<double>(row + 1);
        for (std::size_t j = 0; j < width; ++j) {
            const double before = static_cast<double>(values[j]) - mean[j];
            mean[j] += before * share;
            squares[j] += before * (static_cast<double>(values[j]) - mean[j]);
        }
    });
    std::vector<double> factor(width, 0.0);
    for (std::size_t j = 0; j < width; ++j)
        if (squares[j] > 0.0)
            factor[j] = rowLength / std::sqrt(static_cast<double>(width) * squares[j] / static_cast<double>(rows));
    forEachRow(embeddings, rows, [&](std::int64_t row, const float* values) {
        std::uint16_t* const out = m_numbers.data() + static_cast<std::size_t>(row) * m_stride;
        for (std::size_t j = 0; j < width; ++j)
            out[j] = toBfloat16(static_cast<float>((static_cast<double>(values[j]) - mean[j]) * factor[j]));
    });
}

const std::uint16_t* Features::row(std::int64_t index) const
{
    return m_numbers.data() + static_cast<std::size_t>(index) * m_stride;
}

void Features::copyRow(std::int64_t index, float* out) const
{
    const std::uint16_t* const numbers = row(index);
    for (std::int64_t j = 0; j < m_dimension; ++j)
        out[j] = std::bit_cast<float>(static_cast<std::uint32_t>(numbers[j]) << 16U);
}

} // namespace midpoint::difficulty
