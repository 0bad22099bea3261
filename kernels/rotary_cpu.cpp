#include "kernels/rotary_cpu.h"

#include "kernels/simd.h"

namespace midpoint::kernels::MIDPOINT_ISA {
namespace {

template <typename T>
void rotateHead(T* x, const float* cosine, const float* sine, std::int64_t half, float sign)
{
    std::int64_t i = 0;
    for (; i + kLanes <= half; i += kLanes) {
        const Floats a = load(x + i);
        const Floats b = load(x + half + i);
        const Floats c = load(cosine + i);
        const Floats s = load(sine + i) * sign;
        store(x + i, a * c - b * s);
        store(x + half + i, b * c + a * s);
    }
    for (; i < half; ++i) {
        const float a = toFloat(x[i]);
        const float b = toFloat(x[half + i]);
        const float s = sine[i] * sign;
        convert(a * cosine[i] - b * s, x[i]);
        convert(b * cosine[i] + a * s, x[half + i]);
    }
}

} // namespace

void rotaryTokens(const RotaryTable& table, const RotaryArguments& arguments, std::int64_t begin, std::int64_t end)
{
    const std::int64_t half = arguments.headDim / 2;
    const float sign = arguments.direction == RotaryDirection::Forward ? 1.0F : -1.0F;
    withElement(arguments.type, [&]<typename T>(T*) {
        for (std::int64_t t = begin; t < end; ++t) {
            const std::int64_t row = arguments.positions[t] * half;
            for (std::int64_t h = 0; h < arguments.heads; ++h)
                rotateHead(static_cast<T*>(arguments.x) + t * arguments.stride + h * arguments.headDim, table.cosine + row,
                    table.sine + row, half, sign);
        }
    });
}

} // namespace midpoint::kernels::MIDPOINT_ISA
