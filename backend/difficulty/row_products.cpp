#include "backend/difficulty/row_products.h"

#include <cstring>

// Vectors live inside of these functions only: as arguments of others their registers would depend on the instruction set.
// Sanitizers do not instrument the resolver that picks one.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define MIDPOINT_FOR_EACH_ISA [[gnu::target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")]]
#else
#define MIDPOINT_FOR_EACH_ISA
#endif

namespace midpoint::difficulty {
namespace {

using Floats [[gnu::vector_size(64)]] = float;
using Doubles [[gnu::vector_size(64)]] = double;
using HalfFloats [[gnu::vector_size(32)]] = float; // as many as Doubles
using Shorts [[gnu::vector_size(32)]] = std::uint16_t; // as many as Floats
using Words [[gnu::vector_size(64)]] = std::uint32_t;
constexpr std::size_t kDoubles = sizeof(Doubles) / sizeof(double);

} // namespace

MIDPOINT_FOR_EACH_ISA
void rowProducts(const float* rows, std::size_t count, std::size_t stride, const float* vector, float* out)
{
    for (std::size_t i = 0; i < count; ++i, rows += stride) {
        Floats sum {};
        for (std::size_t j = 0; j < stride; j += kRowUnit) {
            Floats row;
            Floats other;
            std::memcpy(&row, rows + j, sizeof row);
            std::memcpy(&other, vector + j, sizeof other);
            sum += row * other;
        }
        float total = 0.0F;
        for (std::size_t k = 0; k < kRowUnit; ++k)
            total += sum[k];
        out[i] = total;
    }
}

MIDPOINT_FOR_EACH_ISA
void rowProducts(const float* rows, std::size_t count, std::size_t stride, const double* vector, double* out)
{
    for (std::size_t i = 0; i < count; ++i, rows += stride) {
        Doubles sum {};
        for (std::size_t j = 0; j < stride; j += kDoubles) {
            HalfFloats row;
            Doubles other;
            std::memcpy(&row, rows + j, sizeof row);
            std::memcpy(&other, vector + j, sizeof other);
            sum += __builtin_convertvector(row, Doubles) * other;
        }
        double total = 0.0;
        for (std::size_t k = 0; k < kDoubles; ++k)
            total += sum[k];
        out[i] = total;
    }
}

MIDPOINT_FOR_EACH_ISA
void rowProducts(const std::uint16_t* rows, std::size_t count, std::size_t stride, const float* vector, float* out)
{
    for (std::size_t i = 0; i < count; ++i, rows += stride) {
        Floats sum {};
        for (std::size_t j = 0; j < stride; j += kRowUnit) {
            Shorts halves;
            Floats other;
            std::memcpy(&halves, rows + j, sizeof halves);
            std::memcpy(&other, vector + j, sizeof other);
            const Words bits = __builtin_convertvector(halves, Words) << 16;
            Floats row;
            std::memcpy(&row, &bits, sizeof row);
            sum += row * other;
        }
        float total = 0.0F;
        for (std::size_t k = 0; k < kRowUnit; ++k)
            total += sum[k];
        out[i] = total;
    }
}

MIDPOINT_FOR_EACH_ISA
void addRows(const float* rows, std::size_t count, std::size_t stride, const float* weights, float* out)
{
    for (std::size_t i = 0; i < count; ++i, rows += stride)
        for (std::size_t j = 0; j < stride; j += kRowUnit) {
            Floats row;
            Floats sum;
            std::memcpy(&row, rows + j, sizeof row);
            std::memcpy(&sum, out + j, sizeof sum);
            sum += weights[i] * row;
            std::memcpy(out + j, &sum, sizeof sum);
        }
}

MIDPOINT_FOR_EACH_ISA
void addRows(const float* rows, std::size_t count, std::size_t stride, const double* weights, double* out)
{
    for (std::size_t i = 0; i < count; ++i, rows += stride)
        for (std::size_t j = 0; j < stride; j += kDoubles) {
            HalfFloats row;
            Doubles sum;
            std::memcpy(&row, rows + j, sizeof row);
            std::memcpy(&sum, out + j, sizeof sum);
            sum += weights[i] * __builtin_convertvector(row, Doubles);
            std::memcpy(out + j, &sum, sizeof sum);
        }
}

} // namespace midpoint::difficulty
