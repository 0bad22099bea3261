// The device form of rms_norm.h, for kernels/rms_norm.cu and for the emulated block of the tests.
#pragma once

#include "kernels/cuda/forms.h"
#include "kernels/cuda/reduce.h"

namespace midpoint::kernels::cuda {

// With addRmsNorm's residual where there is one. A row belongs to `Lanes` threads; each brings N neighbouring elements at a time
// and meets its own elements again in the second pass, so that x may be overwritten between the two.
template <typename T, int N, int Lanes>
struct RmsNormForwardBody {
    static constexpr int kThreads = kRowThreads;
    RmsNormShape shape;
    const T* x;
    const T* residual; // null: none
    T* sum;            // x + residual; unused without one
    const T* weight;
    T* y;
    float* inverse;    // may be null

    std::int64_t sharedBytes() const { return kMostWarps * sizeof(float); }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t row = block.x() * (kThreads / Lanes) + block.thread() / Lanes;
        const std::int64_t width = row < shape.rows ? shape.width : 0; // threads without a row take part in the reduction
        const std::int64_t first = (block.thread() % Lanes) * N;
        const T* from = x + row * shape.width;
        float squares = 0;
        for (std::int64_t i = first; i < width; i += Lanes * N) {
            float value[N];
            loadFloats<N>(from + i, value);
            if (residual != nullptr) {
                float add[N];
                loadFloats<N>(residual + row * shape.width + i, add);
                for (int e = 0; e < N; ++e)
                    value[e] = rounded<T>(value[e] + add[e]);
                storeFloats<N>(sum + row * shape.width + i, value);
            }
            for (int e = 0; e < N; ++e)
                squares = fmaf(value[e], value[e], squares);
        }
        squares = rowSum<Lanes>(block, squares, block.template shared<float>());
        const float factor = 1.0F / sqrtf(squares / static_cast<float>(shape.width) + shape.epsilon);
        if (inverse != nullptr && width > 0 && first == 0)
            inverse[row] = factor;
        for (std::int64_t i = first; i < width; i += Lanes * N) {
            float value[N];
            float scale[N];
            loadFloats<N>(from + i, value);
            loadFloats<N>(weight + i, scale);
            for (int e = 0; e < N; ++e)
                value[e] = rounded<T>(value[e] * factor) * scale[e];
            storeFloats<N>(y + row * shape.width + i, value);
        }
    }
};

// With n = x * inverse and g = gradY * weight: gradX = inverse * (g - n * mean(g n)).
template <typename T, int N, int Lanes>
struct RmsNormGradXBody {
    static constexpr int kThreads = kRowThreads;
    RmsNormShape shape;
    RmsNormBackward a;

    std::int64_t sharedBytes() const { return kMostWarps * sizeof(float); }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t row = block.x() * (kThreads / Lanes) + block.thread() / Lanes;
        const std::int64_t width = row < shape.rows ? shape.width : 0;
        const std::int64_t first = (block.thread() % Lanes) * N;
        const float inverse = row < shape.rows ? a.inverse[row] : 0.0F;
        const T* x = static_cast<const T*>(a.x) + row * shape.width;
        const T* gradY = static_cast<const T*>(a.gradY) + row * shape.width;
        const T* weight = static_cast<const T*>(a.weight);
        float value[N];
        float grad[N];
        float scale[N];
        float products = 0;
        for (std::int64_t i = first; i < width; i += Lanes * N) {
            loadFloats<N>(x + i, value);
            loadFloats<N>(gradY + i, grad);
            loadFloats<N>(weight + i, scale);
            for (int e = 0; e < N; ++e)
                products = fmaf(grad[e] * scale[e], value[e] * inverse, products);
        }
        products = rowSum<Lanes>(block, products, block.template shared<float>());
        const float mean = products / static_cast<float>(shape.width);
        for (std::int64_t i = first; i < width; i += Lanes * N) {
            loadFloats<N>(x + i, value);
            loadFloats<N>(gradY + i, grad);
            loadFloats<N>(weight + i, scale);
            for (int e = 0; e < N; ++e)
                value[e] = (grad[e] * scale[e] - value[e] * (inverse * mean)) * inverse;
            storeFloats<N>(static_cast<T*>(a.gradX) + row * shape.width + i, value);
        }
    }
};

// A chunk of rows' part of the weight's gradient, gradY * round(n), one thread for N columns.
template <typename T, int N>
struct RmsNormGradWeightBody {
    static constexpr int kThreads = 128;
    RmsNormShape shape;
    RmsNormBackward a;
    std::int64_t rowsPerChunk;
    float* partial; // [chunks, width]

    std::int64_t sharedBytes() const { return 0; }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t column = (block.x() * kThreads + block.thread()) * N;
        if (column >= shape.width)
            return;
        const std::int64_t begin = block.y() * rowsPerChunk;
        const std::int64_t end = begin + rowsPerChunk < shape.rows ? begin + rowsPerChunk : shape.rows;
        float sum[N] = {};
        for (std::int64_t r = begin; r < end; ++r) {
            float value[N];
            float grad[N];
            loadFloats<N>(static_cast<const T*>(a.x) + r * shape.width + column, value);
            loadFloats<N>(static_cast<const T*>(a.gradY) + r * shape.width + column, grad);
            for (int e = 0; e < N; ++e)
                sum[e] = fmaf(grad[e], rounded<T>(value[e] * a.inverse[r]), sum[e]);
        }
        for (int e = 0; e < N; ++e)
            partial[block.y() * shape.width + column + e] = sum[e];
    }
};

// gradWeight = the chunks' parts, added in their order.
struct SumChunksBody {
    static constexpr int kThreads = 128;
    std::int64_t width;
    std::int64_t chunks;
    const float* partial;
    float* sum;

    std::int64_t sharedBytes() const { return 0; }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t column = block.x() * kThreads + block.thread();
        if (column >= width)
            return;
        float all = 0;
        for (std::int64_t c = 0; c < chunks; ++c)
            all += partial[c * width + column];
        sum[column] = all;
    }
};

namespace detail {

template <typename T, int N, typename Launch>
void launchRmsNorm(const Launch& launch, const RmsNormShape& shape, const RmsNormForward& a, const void* residual, void* sum)
{
    const auto run = [&]<int Lanes>() {
        launch(Grid { ceilDivide(shape.rows, kRowThreads / Lanes) },
            RmsNormForwardBody<T, N, Lanes> { shape, static_cast<const T*>(a.x), static_cast<const T*>(residual), static_cast<T*>(sum),
                static_cast<const T*>(a.weight), static_cast<T*>(a.y), a.inverse });
    };
    if (shape.width <= kWarpRowWidth)
        run.template operator()<kWarp>();
    else
        run.template operator()<kRowThreads>();
}

template <typename Launch>
void launchRmsNorm(const Launch& launch, const RmsNormShape& shape, const RmsNormForward& a, const void* residual, void* sum)
{
    withElement(shape.type, [&]<typename T>(T*) {
        if (shape.width % kWide<T> == 0 && areAligned(a.x, a.weight, a.y, residual, sum))
            launchRmsNorm<T, kWide<T>>(launch, shape, a, residual, sum);
        else
            launchRmsNorm<T, 1>(launch, shape, a, residual, sum);
    });
}

template <typename T, int N, typename Launch>
void launchRmsNormBackward(const Launch& launch, const RmsNormShape& shape, const RmsNormBackward& a, float* partial)
{
    if (shape.width <= kWarpRowWidth)
        launch(Grid { ceilDivide(shape.rows, kRowThreads / kWarp) }, RmsNormGradXBody<T, N, kWarp> { shape, a });
    else
        launch(Grid { shape.rows }, RmsNormGradXBody<T, N, kRowThreads> { shape, a });
    const std::int64_t rowsPerChunk = ceilDivide(shape.rows > 0 ? shape.rows : 1, kRmsNormChunks);
    const std::int64_t chunks = ceilDivide(shape.rows, rowsPerChunk);
    using Weight = RmsNormGradWeightBody<T, N>;
    launch(Grid { ceilDivide(shape.width, N * Weight::kThreads), chunks }, Weight { shape, a, rowsPerChunk, partial });
    launch(Grid { ceilDivide(shape.width, SumChunksBody::kThreads) }, SumChunksBody { shape.width, chunks, partial, a.gradWeight });
}

} // namespace detail

template <typename Launch>
void launchRmsNormForward(const Launch& launch, const RmsNormShape& shape, const RmsNormForward& arguments)
{
    detail::launchRmsNorm(launch, shape, arguments, nullptr, nullptr);
}

template <typename Launch>
void launchAddRmsNorm(const Launch& launch, const RmsNormShape& shape, const AddRmsNorm& arguments)
{
    detail::launchRmsNorm(launch, shape, RmsNormForward { arguments.x, arguments.weight, arguments.y, nullptr }, arguments.residual, arguments.x);
}

template <typename Launch>
void launchRmsNormBackward(const Launch& launch, const RmsNormShape& shape, const RmsNormBackward& arguments, void* workspace)
{
    withElement(shape.type, [&]<typename T>(T*) {
        auto* partial = static_cast<float*>(workspace);
        if (shape.width % kWide<T> == 0 && areAligned(arguments.x, arguments.weight, arguments.gradY, arguments.gradX))
            detail::launchRmsNormBackward<T, kWide<T>>(launch, shape, arguments, partial);
        else
            detail::launchRmsNormBackward<T, 1>(launch, shape, arguments, partial);
    });
}

} // namespace midpoint::kernels::cuda
