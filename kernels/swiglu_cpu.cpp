#include "kernels/swiglu_cpu.h"

#include "kernels/simd.h"

namespace midpoint::kernels::MIDPOINT_ISA {
namespace {

// One vector of elements, or the last `count` of a row, which go through memory that is padded with zeros.
template <typename T>
Floats loadPart(const T* from, std::int64_t count)
{
    if (count >= kLanes)
        return load(from);
    Floats value {};
    for (std::int64_t i = 0; i < count; ++i)
        value[i] = toFloat(from[i]);
    return value;
}

template <typename T>
void storePart(T* to, Floats value, std::int64_t count)
{
    if (count >= kLanes)
        return store(to, value);
    for (std::int64_t i = 0; i < count; ++i)
        convert(value[i], to[i]);
}

Floats sigmoid(Floats x) { return 1.0F / (1.0F + exponential(-x)); }

template <typename T>
void forwardRow(const T* gate, const T* up, T* y, std::int64_t width)
{
    for (std::int64_t i = 0; i < width; i += kLanes) {
        const Floats g = loadPart(gate + i, width - i);
        storePart(y + i, rounded<T>(g * sigmoid(g)) * loadPart(up + i, width - i), width - i);
    }
}

// silu'(x) = s (1 + x (1 - s)) with s = sigmoid(x).
template <typename T>
void backwardRow(const T* gate, const T* up, const T* gradY, T* gradGate, T* gradUp, std::int64_t width)
{
    for (std::int64_t i = 0; i < width; i += kLanes) {
        const Floats g = loadPart(gate + i, width - i);
        const Floats u = loadPart(up + i, width - i);
        const Floats grad = loadPart(gradY + i, width - i);
        const Floats s = sigmoid(g);
        storePart(gradGate + i, grad * u * s * (1.0F + g * (1.0F - s)), width - i);
        storePart(gradUp + i, grad * rounded<T>(g * s), width - i);
    }
}

} // namespace

void swigluForwardRows(const SwigluShape& shape, const SwigluForward& arguments, std::int64_t begin, std::int64_t end)
{
    withElement(shape.type, [&]<typename T>(T*) {
        for (std::int64_t r = begin; r < end; ++r)
            forwardRow(static_cast<const T*>(arguments.gate) + r * shape.inputStride,
                static_cast<const T*>(arguments.up) + r * shape.inputStride, static_cast<T*>(arguments.y) + r * shape.width, shape.width);
    });
}

void swigluBackwardRows(const SwigluShape& shape, const SwigluBackward& arguments, std::int64_t begin, std::int64_t end)
{
    withElement(shape.type, [&]<typename T>(T*) {
        for (std::int64_t r = begin; r < end; ++r)
            backwardRow(static_cast<const T*>(arguments.gate) + r * shape.inputStride,
                static_cast<const T*>(arguments.up) + r * shape.inputStride, static_cast<const T*>(arguments.gradY) + r * shape.width,
                static_cast<T*>(arguments.gradGate) + r * shape.inputStride, static_cast<T*>(arguments.gradUp) + r * shape.inputStride,
                shape.width);
    });
}

} // namespace midpoint::kernels::MIDPOINT_ISA
