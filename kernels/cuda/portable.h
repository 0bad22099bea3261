// What a device form is written with: memory elements, vectorised access and small mathematics. The bodies of the kernels compile
// for the device (nvcc) and for the host, where the tests run them under an emulated thread block; so nothing here is CUDA's own.
#pragma once

#include "kernels/element_type.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#define MIDPOINT_DEVICE __device__ __forceinline__
#define MIDPOINT_PRAGMA(text) _Pragma(#text)
#define MIDPOINT_UNROLL MIDPOINT_PRAGMA(unroll)
#define MIDPOINT_UNROLL_BY(count) MIDPOINT_PRAGMA(unroll count)
#else
#define MIDPOINT_DEVICE inline
#define MIDPOINT_UNROLL
#define MIDPOINT_UNROLL_BY(count)
#endif

namespace midpoint::kernels::cuda {

// Blocks of a launch.
struct Grid {
    std::int64_t x = 1;
    std::int64_t y = 1;
    std::int64_t z = 1;
};

constexpr int kWarp = 32;

constexpr std::int64_t ceilDivide(std::int64_t value, std::int64_t unit) { return (value + unit - 1) / unit; }

// --- elements of memory

struct BFloat16 {
    std::uint16_t bits;
};
struct Float16 {
    std::uint16_t bits;
};

MIDPOINT_DEVICE std::uint32_t bitsOf(float value)
{
    std::uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}
MIDPOINT_DEVICE float floatOf(std::uint32_t bits)
{
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

MIDPOINT_DEVICE float toFloat(float value) { return value; }
MIDPOINT_DEVICE float toFloat(BFloat16 value) { return floatOf(static_cast<std::uint32_t>(value.bits) << 16U); }
MIDPOINT_DEVICE void convert(float value, float& out) { out = value; }

#ifdef __CUDACC__
MIDPOINT_DEVICE float toFloat(Float16 value) { return __half2float(__ushort_as_half(value.bits)); }
MIDPOINT_DEVICE void convert(float value, BFloat16& out) { out.bits = __bfloat16_as_ushort(__float2bfloat16_rn(value)); }
MIDPOINT_DEVICE void convert(float value, Float16& out) { out.bits = __half_as_ushort(__float2half_rn(value)); }
#else
inline float toFloat(Float16 value)
{
    const std::uint32_t sign = (value.bits & 0x8000U) << 16U;
    const std::uint32_t magnitude = value.bits & 0x7fffU;
    if (magnitude >= 0x7c00U) // infinity, NaN
        return floatOf(sign | 0x7f800000U | (magnitude & 0x3ffU) << 13U);
    // Exponent and mantissa in place, then scaled by 2^112: exact for subnormal numbers too.
    return floatOf(sign | bitsOf(floatOf(magnitude << 13U) * 0x1.0p112F));
}
inline void convert(float value, BFloat16& out)
{
    const std::uint32_t bits = bitsOf(value);
    const bool isNan = (bits & 0x7fffffffU) > 0x7f800000U;
    out.bits = static_cast<std::uint16_t>(isNan ? (bits >> 16U) | 0x40U : (bits + 0x7fffU + ((bits >> 16U) & 1U)) >> 16U);
}
inline void convert(float value, Float16& out)
{
    const std::uint32_t bits = bitsOf(value);
    const auto sign = static_cast<std::uint16_t>((bits >> 16U) & 0x8000U);
    const std::uint32_t magnitude = bits & 0x7fffffffU;
    std::uint32_t rounded = (magnitude - 0x38000000U + 0xfffU + ((magnitude >> 13U) & 1U)) >> 13U;
    if (magnitude > 0x7f800000U)
        rounded = 0x7e00U;
    else if (magnitude >= 0x477ff000U) // 65520 and more
        rounded = 0x7c00U;
    else if (magnitude < 0x38800000U) // below 2^-14: the spacing is 2^-24, the one of floats in [0.5, 1)
        rounded = bitsOf(floatOf(magnitude) + 0.5F) - 0x3f000000U;
    out.bits = static_cast<std::uint16_t>(sign | rounded);
}
#endif

// The value as it would come back from memory of type T.
template <typename T>
MIDPOINT_DEVICE float rounded(float value)
{
    T memory {};
    convert(value, memory);
    return toFloat(memory);
}

// --- neighbouring elements in one access

template <int Bytes>
struct RawPack;
template <>
struct RawPack<2> {
    std::uint16_t word;
};
template <>
struct RawPack<4> {
    std::uint32_t word;
};
template <>
struct alignas(8) RawPack<8> {
    std::uint32_t word[2];
};
template <>
struct alignas(16) RawPack<16> {
    std::uint32_t word[4];
};

template <typename T>
constexpr int kWide = 16 / static_cast<int>(sizeof(T)); // elements of the widest access

// `from` is a multiple of N elements.
template <int N, typename T>
MIDPOINT_DEVICE void loadFloats(const T* from, float (&to)[N])
{
    using Raw = RawPack<N * static_cast<int>(sizeof(T))>;
    const Raw raw = *reinterpret_cast<const Raw*>(from);
    T elements[N];
    memcpy(elements, &raw, sizeof raw);
    MIDPOINT_UNROLL
    for (int i = 0; i < N; ++i)
        to[i] = toFloat(elements[i]);
}

template <int N, typename T>
MIDPOINT_DEVICE void storeFloats(T* to, const float (&from)[N])
{
    using Raw = RawPack<N * static_cast<int>(sizeof(T))>;
    T elements[N];
    MIDPOINT_UNROLL
    for (int i = 0; i < N; ++i)
        convert(from[i], elements[i]);
    Raw raw;
    memcpy(&raw, elements, sizeof raw);
    *reinterpret_cast<Raw*>(to) = raw;
}

// Four neighbouring floats of shared memory.
struct alignas(16) Float4 {
    float x, y, z, w;
};
MIDPOINT_DEVICE float dot(const Float4& a, const Float4& b, float sum)
{
    return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}
MIDPOINT_DEVICE void addScaled(Float4& sum, float factor, const Float4& value)
{
    sum.x = fmaf(factor, value.x, sum.x);
    sum.y = fmaf(factor, value.y, sum.y);
    sum.z = fmaf(factor, value.z, sum.z);
    sum.w = fmaf(factor, value.w, sum.w);
}

MIDPOINT_DEVICE float minusInfinity() { return floatOf(0xff800000U); }
MIDPOINT_DEVICE float notANumber() { return floatOf(0x7fc00000U); }

// --- on the host, for the choice of a body

// Calls body with a null pointer of the C++ type that stands for the element type.
template <typename Body>
void withElement(ElementType type, const Body& body)
{
    switch (type) {
    case ElementType::Float32: body(static_cast<float*>(nullptr)); break;
    case ElementType::BFloat16: body(static_cast<BFloat16*>(nullptr)); break;
    case ElementType::Float16: body(static_cast<Float16*>(nullptr)); break;
    }
}

// True if every address is a multiple of 16 bytes; null pointers do not count.
template <typename... Pointers>
bool areAligned(const Pointers*... pointers)
{
    return ((reinterpret_cast<std::uintptr_t>(pointers) % 16 == 0) && ...);
}

} // namespace midpoint::kernels::cuda
