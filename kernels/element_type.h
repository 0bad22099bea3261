// The element types that kernels read and write. All arithmetic is done in float32 or wider whatever the element type.
#pragma once

#include <cstdint>

namespace midpoint::kernels {

enum class ElementType : std::uint8_t { Float32, BFloat16, Float16 };

constexpr std::int64_t sizeOf(ElementType type) { return type == ElementType::Float32 ? 4 : 2; }

} // namespace midpoint::kernels
