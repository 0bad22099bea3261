// Random arrays of any element type, and the comparison of a fast form with its reference.
#pragma once

#include "backend/core/rng.h"
#include "kernels/cpu_isa.h"
#include "kernels/element_access.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace midpoint::test {

using kernels::ElementType;

class Array {
public:
    Array(ElementType type, std::int64_t count)
        : m_type(type)
        , m_count(count)
        , m_bytes(static_cast<std::size_t>(count * kernels::sizeOf(type) + 1))
    {
    }
    static Array random(ElementType type, std::int64_t count, Rng& rng, double scale = 1.0)
    {
        Array array(type, count);
        for (std::int64_t i = 0; i < count; ++i)
            kernels::writeElement(array.data(), i, type, scale * rng.normal());
        return array;
    }
    void* data() { return m_bytes.data(); }
    const void* data() const { return m_bytes.data(); }
    std::int64_t count() const { return m_count; }
    double operator[](std::int64_t index) const { return kernels::readElement(m_bytes.data(), index, m_type); }
    bool operator==(const Array&) const = default;

private:
    ElementType m_type;
    std::int64_t m_count;
    std::vector<std::byte> m_bytes;
};

inline Rng testRng(std::int64_t stream) { return Rng(RngKey { 7, DrawPurpose::Benchmark, 0, 0, stream }); }

// |found - expected| <= tolerance * (1 + |expected|) everywhere; names the worst place otherwise.
template <typename Expected, typename Found>
void expectClose(const Expected& expected, const Found& found, std::int64_t count, double tolerance, const std::string& what)
{
    double worst = -1;
    std::int64_t where = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto e = static_cast<double>(expected[static_cast<std::size_t>(i)]);
        const auto f = static_cast<double>(found[static_cast<std::size_t>(i)]);
        const double error = std::abs(e - f) / (1.0 + std::abs(e));
        if (!(error <= worst)) {
            worst = error;
            where = i;
        }
        if (std::isnan(worst))
            break;
    }
    if (count > 0) {
        EXPECT_LE(worst, tolerance) << what << ": at " << where << " expected "
                                    << static_cast<double>(expected[static_cast<std::size_t>(where)]) << ", found "
                                    << static_cast<double>(found[static_cast<std::size_t>(where)]);
    }
}

// Relative rounding of one stored value, with room for the different order of sums.
inline double toleranceOf(ElementType type)
{
    switch (type) {
    case ElementType::BFloat16: return 1.0 / 128;
    case ElementType::Float16: return 1.0 / 1024;
    case ElementType::Float32: break;
    }
    return 2e-5;
}

inline const char* nameOf(ElementType type)
{
    return type == ElementType::Float32 ? "float32" : type == ElementType::BFloat16 ? "bfloat16" : "float16";
}

inline const std::vector<ElementType>& elementTypes()
{
    static const std::vector<ElementType> types = { ElementType::Float32, ElementType::BFloat16, ElementType::Float16 };
    return types;
}

} // namespace midpoint::test
