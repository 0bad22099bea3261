// Products of the rows of a matrix with a vector: what fits and estimates over embeddings spend their time on. Compiled for
// several instruction sets, and the one of the machine runs; sums have a fixed order on each.
#pragma once

#include <cstddef>
#include <cstdint>

namespace midpoint::difficulty {

constexpr std::size_t kRowUnit = 16; // rows are padded with zeros to a multiple of this, vectors too

constexpr std::size_t paddedRow(std::size_t width) { return (width + kRowUnit - 1) / kRowUnit * kRowUnit; }

// out[i] = rows[i] . vector, for `count` rows of `stride` numbers (a multiple of kRowUnit).
void rowProducts(const float* rows, std::size_t count, std::size_t stride, const float* vector, float* out);
void rowProducts(const float* rows, std::size_t count, std::size_t stride, const double* vector, double* out);
// Of bfloat16 rows.
void rowProducts(const std::uint16_t* rows, std::size_t count, std::size_t stride, const float* vector, float* out);

// out += sum of weights[i] * rows[i].
void addRows(const float* rows, std::size_t count, std::size_t stride, const float* weights, float* out);
void addRows(const float* rows, std::size_t count, std::size_t stride, const double* weights, double* out);

} // namespace midpoint::difficulty
