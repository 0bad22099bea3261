// Vectors of float32 in the width of the instruction set that this translation unit is compiled for, by the compiler's vector
// extension. For <op>_cpu.cpp only; everything is local to the translation unit (see isa_dispatch.h).
#pragma once

#include "kernels/element_type.h"

#include <cstdint>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#ifndef MIDPOINT_ISA
#error "compile this file once per instruction set, with MIDPOINT_ISA naming it"
#endif

namespace midpoint::kernels::MIDPOINT_ISA {
namespace {

#if defined(__AVX512F__)
constexpr std::int64_t kLanes = 16;
#elif defined(__AVX2__)
constexpr std::int64_t kLanes = 8;
#else
constexpr std::int64_t kLanes = 4;
#endif

using Floats = float __attribute__((vector_size(kLanes * 4)));
using Ints = std::int32_t __attribute__((vector_size(kLanes * 4)));
using Halves = std::uint16_t __attribute__((vector_size(kLanes * 2)));
using Words = std::uint32_t __attribute__((vector_size(kLanes * 4)));

// Element types of memory.
struct BFloat16 {
    std::uint16_t bits;
};
struct Float16 {
    std::uint16_t bits;
};

constexpr std::int64_t roundUp(std::int64_t value, std::int64_t unit) { return (value + unit - 1) / unit * unit; }

inline Floats splat(float value) { return value - Floats {}; } // minus zero is folded away, plus zero is not
inline Floats fma(Floats a, Floats b, Floats c) { return a * b + c; } // contracted by the compiler where there is an FMA

inline std::uint32_t bitsOf(float value)
{
    std::uint32_t bits = 0;
    __builtin_memcpy(&bits, &value, 4);
    return bits;
}
inline float floatOf(std::uint32_t bits)
{
    float value = 0;
    __builtin_memcpy(&value, &bits, 4);
    return value;
}

// --- conversions of one element; bf16 rounds to nearest even and keeps NaN

inline float toFloat(float value) { return value; }
inline float toFloat(BFloat16 value) { return floatOf(static_cast<std::uint32_t>(value.bits) << 16U); }
inline float toFloat(Float16 value)
{
#ifdef __F16C__
    return _cvtsh_ss(value.bits);
#else
    const std::uint32_t sign = (value.bits & 0x8000U) << 16U;
    const std::uint32_t magnitude = value.bits & 0x7fffU;
    if (magnitude >= 0x7c00U) // infinity, NaN
        return floatOf(sign | 0x7f800000U | (magnitude & 0x3ffU) << 13U);
    // Exponent and mantissa in place, then scaled by 2^112: exact for subnormal numbers too.
    return floatOf(sign | bitsOf(floatOf(magnitude << 13U) * 0x1.0p112F));
#endif
}

inline void convert(float value, float& out) { out = value; }
inline void convert(float value, BFloat16& out)
{
    const std::uint32_t bits = bitsOf(value);
    const bool isNan = (bits & 0x7fffffffU) > 0x7f800000U;
    out.bits = static_cast<std::uint16_t>(isNan ? (bits >> 16U) | 0x40U : (bits + 0x7fffU + ((bits >> 16U) & 1U)) >> 16U);
}
inline void convert(float value, Float16& out)
{
#ifdef __F16C__
    out.bits = _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT);
#else
    const std::uint32_t bits = bitsOf(value);
    const auto sign = static_cast<std::uint16_t>((bits >> 16U) & 0x8000U);
    const std::uint32_t magnitude = bits & 0x7fffffffU;
    if (magnitude > 0x7f800000U)
        out.bits = static_cast<std::uint16_t>(sign | 0x7e00U);
    else if (magnitude >= 0x477ff000U) // 65520 and more
        out.bits = static_cast<std::uint16_t>(sign | 0x7c00U);
    else if (magnitude < 0x38800000U) // below 2^-14: the spacing is 2^-24, the one of floats in [0.5, 1)
        out.bits = static_cast<std::uint16_t>(sign | (bitsOf(floatOf(magnitude) + 0.5F) - 0x3f000000U));
    else
        out.bits = static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000U + 0xfffU + ((magnitude >> 13U) & 1U)) >> 13U));
#endif
}

// --- vectors from and to memory of any alignment

inline Floats load(const float* from)
{
    Floats value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}
inline Floats load(const BFloat16* from)
{
    Halves halves;
    __builtin_memcpy(&halves, from, sizeof halves);
    return reinterpret_cast<Floats>(__builtin_convertvector(halves, Words) << 16U);
}
inline Floats load(const Float16* from)
{
#if defined(__AVX512F__)
    return reinterpret_cast<Floats>(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(from))));
#elif defined(__F16C__)
    return reinterpret_cast<Floats>(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(from))));
#else
    Floats value;
    for (std::int64_t i = 0; i < kLanes; ++i)
        value[i] = toFloat(from[i]);
    return value;
#endif
}

inline void store(float* to, Floats value) { __builtin_memcpy(to, &value, sizeof value); }
inline void store(BFloat16* to, Floats value)
{
    const Words bits = reinterpret_cast<Words>(value);
    const Words rounded = (bits + 0x7fffU + ((bits >> 16U) & 1U)) >> 16U;
    const Words quiet = (bits >> 16U) | 0x40U;
    const Words isNan = reinterpret_cast<Words>((bits & 0x7fffffffU) > 0x7f800000U);
    const Halves halves = __builtin_convertvector((rounded & ~isNan) | (quiet & isNan), Halves);
    __builtin_memcpy(to, &halves, sizeof halves);
}
inline void store(Float16* to, Floats value)
{
#if defined(__AVX512F__)
    const __m256i halves = _mm512_cvtps_ph(reinterpret_cast<__m512>(value), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __builtin_memcpy(to, &halves, sizeof halves);
#elif defined(__F16C__)
    const __m128i halves = _mm256_cvtps_ph(reinterpret_cast<__m256>(value), _MM_FROUND_TO_NEAREST_INT);
    __builtin_memcpy(to, &halves, sizeof halves);
#else
    for (std::int64_t i = 0; i < kLanes; ++i)
        convert(value[i], to[i]);
#endif
}

// The value as it would come back from memory of type T.
template <typename T>
inline Floats rounded(Floats value)
{
    T memory[kLanes];
    store(memory, value);
    return load(memory);
}
template <>
inline Floats rounded<float>(Floats value)
{
    return value;
}
template <typename T>
inline float rounded(float value)
{
    T memory;
    convert(value, memory);
    return toFloat(memory);
}

// --- sums and maxima over lanes, always in the same order

inline float sumLanes(Floats value)
{
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps(reinterpret_cast<__m512>(value));
#else
    float sum = 0;
    for (std::int64_t i = 0; i < kLanes; ++i)
        sum += value[i];
    return sum;
#endif
}
inline float maxLanes(Floats value)
{
    float best = value[0];
    for (std::int64_t i = 1; i < kLanes; ++i)
        best = value[i] > best ? value[i] : best;
    return best;
}
inline Floats maximum(Floats a, Floats b) { return a > b ? a : b; }
inline Floats minimum(Floats a, Floats b) { return a < b ? a : b; }

// e^x within 2 units in the last place; 0 below -87.3 (minus infinity too), and e^88.3 above 88.3. NaN stays NaN.
inline Floats exponential(Floats x)
{
    constexpr float kLog2e = 1.44269504088896341F;
    constexpr float kLn2High = 0.693359375F; // ln 2 in two parts, the first with 9 bits
    constexpr float kLn2Low = -2.12194440e-4F;
    constexpr float kToInteger = 12582912.0F; // 1.5 * 2^23: adding it rounds to an integer
    const Floats bounded = maximum(minimum(splat(88.3F), x), splat(-87.3F));
    const Floats shifted = fma(bounded, splat(kLog2e), splat(kToInteger));
    const Floats n = shifted - kToInteger;
    const Floats r = fma(n, splat(-kLn2Low), fma(n, splat(-kLn2High), bounded));
    Floats p = splat(1.9875691500e-4F);
    p = fma(p, r, splat(1.3981999507e-3F));
    p = fma(p, r, splat(8.3334519073e-3F));
    p = fma(p, r, splat(4.1665795894e-2F));
    p = fma(p, r, splat(1.6666665459e-1F));
    p = fma(p, r, splat(5.0000001201e-1F));
    p = fma(p, r * r, r + 1.0F);
    const Ints exponent = (reinterpret_cast<Ints>(shifted) - 0x4B400000) << 23;
    const Floats value = reinterpret_cast<Floats>(reinterpret_cast<Ints>(p) + exponent);
    const Ints isSmall = x < splat(-87.3F);
    const Ints isNan = x != x;
    return reinterpret_cast<Floats>((reinterpret_cast<Ints>(value) & ~isSmall & ~isNan) | (reinterpret_cast<Ints>(x) & isNan));
}

// Calls body with a null pointer of the C++ type that stands for the element type.
template <typename Body>
inline void withElement(ElementType type, const Body& body)
{
    switch (type) {
    case ElementType::Float32: body(static_cast<float*>(nullptr)); break;
    case ElementType::BFloat16: body(static_cast<BFloat16*>(nullptr)); break;
    case ElementType::Float16: body(static_cast<Float16*>(nullptr)); break;
    }
}

} // namespace
} // namespace midpoint::kernels::MIDPOINT_ISA
