// Rotary position embedding with Hugging Face's half-split convention: element i and i + headDim/2 are one pair,
//
//   y[i]     = x[i] * cos[p, i] - x[i + half] * sin[p, i]
//   y[i + half] = x[i + half] * cos[p, i] + x[i] * sin[p, i],      0 <= i < half = headDim / 2
//
// for the position p of the token. The backward pass is the rotation by the negative angle (direction Backward).
#pragma once

#include "kernels/cpu_isa.h"
#include "kernels/element_type.h"

#include <cstdint>

namespace midpoint::kernels {

enum class RotaryDirection : std::uint8_t { Forward, Backward };

// cos and sin of position * inverseFrequency[i], [positions, headDim / 2] each; owned by the model.
struct RotaryTable {
    const float* cosine = nullptr;
    const float* sine = nullptr;
    std::int64_t positions = 0;
};

struct RotaryArguments {
    std::int64_t tokens = 0;
    std::int64_t heads = 0;
    std::int64_t headDim = 0;                  // even
    std::int64_t stride = 0;                   // elements between tokens; at least heads * headDim
    const std::int64_t* positions = nullptr;   // [tokens], each in [0, table.positions)
    void* x = nullptr;                         // [tokens, heads, headDim]; rotated in place
    ElementType type = ElementType::Float32;
    RotaryDirection direction = RotaryDirection::Forward;
};

void rotary(const RotaryTable& table, const RotaryArguments& arguments, CpuIsa isa = bestIsa());
void rotaryReference(const RotaryTable& table, const RotaryArguments& arguments);

} // namespace midpoint::kernels
