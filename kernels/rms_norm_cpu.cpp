#include "kernels/rms_norm_cpu.h"

#include "kernels/simd.h"

namespace midpoint::kernels::MIDPOINT_ISA {
namespace {

template <typename T>
float inverseRoot(const T* x, std::int64_t width, float epsilon)
{
    Floats squares {};
    std::int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes)
        squares = fma(load(x + i), load(x + i), squares);
    float sum = sumLanes(squares);
    for (; i < width; ++i)
        sum += toFloat(x[i]) * toFloat(x[i]);
    return 1.0F / __builtin_sqrtf(sum / static_cast<float>(width) + epsilon);
}

template <typename T>
void normRow(const T* x, const T* weight, std::int64_t width, float inverse, T* y)
{
    std::int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes)
        store(y + i, rounded<T>(load(x + i) * inverse) * load(weight + i));
    for (; i < width; ++i)
        convert(rounded<T>(toFloat(x[i]) * inverse) * toFloat(weight[i]), y[i]);
}

template <typename T>
void forwardRows(const RmsNormShape& shape, const RmsNormForward& arguments, std::int64_t begin, std::int64_t end)
{
    for (std::int64_t r = begin; r < end; ++r) {
        const T* x = static_cast<const T*>(arguments.x) + r * shape.width;
        const float inverse = inverseRoot(x, shape.width, shape.epsilon);
        if (arguments.inverse != nullptr)
            arguments.inverse[r] = inverse;
        normRow(x, static_cast<const T*>(arguments.weight), shape.width, inverse, static_cast<T*>(arguments.y) + r * shape.width);
    }
}

template <typename T>
void addRows(const RmsNormShape& shape, const AddRmsNorm& arguments, std::int64_t begin, std::int64_t end)
{
    for (std::int64_t r = begin; r < end; ++r) {
        T* x = static_cast<T*>(arguments.x) + r * shape.width;
        const T* residual = static_cast<const T*>(arguments.residual) + r * shape.width;
        std::int64_t i = 0;
        for (; i + kLanes <= shape.width; i += kLanes)
            store(x + i, load(x + i) + load(residual + i));
        for (; i < shape.width; ++i)
            convert(toFloat(x[i]) + toFloat(residual[i]), x[i]);
        normRow(x, static_cast<const T*>(arguments.weight), shape.width, inverseRoot(x, shape.width, shape.epsilon),
            static_cast<T*>(arguments.y) + r * shape.width);
    }
}

// With n = x * inverse and g = gradY * weight: gradX = inverse * (g - n * mean(g n)), gradWeight += gradY * n.
template <typename T>
void backwardRow(const T* x, const T* weight, const T* gradY, float inverse, std::int64_t width, T* gradX, float* gradWeight)
{
    Floats products {};
    std::int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes) {
        const Floats normed = load(x + i) * inverse;
        products = fma(load(gradY + i) * load(weight + i), normed, products);
        store(gradWeight + i, fma(load(gradY + i), rounded<T>(normed), load(gradWeight + i)));
    }
    float sum = sumLanes(products);
    for (; i < width; ++i) {
        const float normed = toFloat(x[i]) * inverse;
        sum += toFloat(gradY[i]) * toFloat(weight[i]) * normed;
        gradWeight[i] += toFloat(gradY[i]) * rounded<T>(normed);
    }
    const float mean = sum / static_cast<float>(width);
    i = 0;
    for (; i + kLanes <= width; i += kLanes)
        store(gradX + i, (load(gradY + i) * load(weight + i) - load(x + i) * (inverse * mean)) * inverse);
    for (; i < width; ++i)
        convert((toFloat(gradY[i]) * toFloat(weight[i]) - toFloat(x[i]) * (inverse * mean)) * inverse, gradX[i]);
}

} // namespace

void rmsNormForwardRows(const RmsNormShape& shape, const RmsNormForward& arguments, std::int64_t begin, std::int64_t end)
{
    withElement(shape.type, [&]<typename T>(T*) { forwardRows<T>(shape, arguments, begin, end); });
}

void addRmsNormRows(const RmsNormShape& shape, const AddRmsNorm& arguments, std::int64_t begin, std::int64_t end)
{
    withElement(shape.type, [&]<typename T>(T*) { addRows<T>(shape, arguments, begin, end); });
}

void rmsNormBackwardRows(
    const RmsNormShape& shape, const RmsNormBackward& arguments, float* gradWeight, std::int64_t begin, std::int64_t end)
{
    withElement(shape.type, [&]<typename T>(T*) {
        for (std::int64_t r = begin; r < end; ++r)
            backwardRow(static_cast<const T*>(arguments.x) + r * shape.width, static_cast<const T*>(arguments.weight),
                static_cast<const T*>(arguments.gradY) + r * shape.width, arguments.inverse[r], shape.width,
                static_cast<T*>(arguments.gradX) + r * shape.width, gradWeight);
    });
}

} // namespace midpoint::kernels::MIDPOINT_ISA
