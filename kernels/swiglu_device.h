// The device form of swiglu.h, for kernels/swiglu.cu and for the emulated block of the tests.
#pragma once

#include "kernels/cuda/forms.h"
#include "kernels/cuda/portable.h"

namespace midpoint::kernels::cuda {

MIDPOINT_DEVICE float sigmoid(float x) { return 1.0F / (1.0F + expf(-x)); }

template <typename T, int N>
struct SwigluForwardBody {
    static constexpr int kThreads = 256;
    SwigluShape shape;
    SwigluForward a;

    std::int64_t sharedBytes() const { return 0; }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t at = (block.x() * kThreads + block.thread()) * N;
        if (at >= shape.rows * shape.width)
            return;
        const std::int64_t input = at / shape.width * shape.inputStride + at % shape.width;
        float gate[N];
        float up[N];
        loadFloats<N>(static_cast<const T*>(a.gate) + input, gate);
        loadFloats<N>(static_cast<const T*>(a.up) + input, up);
        for (int e = 0; e < N; ++e)
            gate[e] = rounded<T>(gate[e] * sigmoid(gate[e])) * up[e];
        storeFloats<N>(static_cast<T*>(a.y) + at, gate);
    }
};

// silu'(x) = s (1 + x (1 - s)) with s = sigmoid(x).
template <typename T, int N>
struct SwigluBackwardBody {
    static constexpr int kThreads = 256;
    SwigluShape shape;
    SwigluBackward a;

    std::int64_t sharedBytes() const { return 0; }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t at = (block.x() * kThreads + block.thread()) * N;
        if (at >= shape.rows * shape.width)
            return;
        const std::int64_t input = at / shape.width * shape.inputStride + at % shape.width;
        float gate[N];
        float up[N];
        float grad[N];
        loadFloats<N>(static_cast<const T*>(a.gate) + input, gate);
        loadFloats<N>(static_cast<const T*>(a.up) + input, up);
        loadFloats<N>(static_cast<const T*>(a.gradY) + at, grad);
        for (int e = 0; e < N; ++e) {
            const float s = sigmoid(gate[e]);
            const float gradUp = grad[e] * rounded<T>(gate[e] * s);
            gate[e] = grad[e] * up[e] * s * (1.0F + gate[e] * (1.0F - s));
            up[e] = gradUp;
        }
        storeFloats<N>(static_cast<T*>(a.gradGate) + input, gate);
        storeFloats<N>(static_cast<T*>(a.gradUp) + input, up);
    }
};

namespace detail {

template <template <typename, int> typename Body, typename Launch, typename Arguments>
void launchSwiglu(const Launch& launch, const SwigluShape& shape, const Arguments& arguments, bool isAligned)
{
    withElement(shape.type, [&]<typename T>(T*) {
        const auto run = [&]<int N>() {
            launch(Grid { ceilDivide(shape.rows * shape.width, N * Body<T, N>::kThreads) }, Body<T, N> { shape, arguments });
        };
        if (isAligned && shape.width % kWide<T> == 0 && shape.inputStride % kWide<T> == 0)
            run.template operator()<kWide<T>>();
        else
            run.template operator()<1>();
    });
}

} // namespace detail

template <typename Launch>
void launchSwigluForward(const Launch& launch, const SwigluShape& shape, const SwigluForward& arguments)
{
    detail::launchSwiglu<SwigluForwardBody>(launch, shape, arguments, areAligned(arguments.gate, arguments.up, arguments.y));
}

template <typename Launch>
void launchSwigluBackward(const Launch& launch, const SwigluShape& shape, const SwigluBackward& arguments)
{
    detail::launchSwiglu<SwigluBackwardBody>(launch, shape, arguments,
        areAligned(arguments.gate, arguments.up, arguments.gradY, arguments.gradGate, arguments.gradUp));
}

} // namespace midpoint::kernels::cuda
