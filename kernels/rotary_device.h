// The device form of rotary.h, for kernels/rotary.cu and for the emulated block of the tests.
#pragma once

#include "kernels/cuda/forms.h"
#include "kernels/cuda/portable.h"

namespace midpoint::kernels::cuda {

// One thread turns N neighbouring pairs.
template <typename T, int N>
struct RotaryBody {
    static constexpr int kThreads = 256;
    RotaryTable table;
    RotaryArguments a;

    std::int64_t sharedBytes() const { return 0; }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t half = a.headDim / 2;
        const std::int64_t packs = half / N;
        const std::int64_t unit = block.x() * kThreads + block.thread();
        if (unit >= a.tokens * a.heads * packs)
            return;
        const std::int64_t i = unit % packs * N;
        const std::int64_t head = unit / packs % a.heads;
        const std::int64_t token = unit / packs / a.heads;
        const std::int64_t position = a.positions[token];
        T* first = static_cast<T*>(a.x) + token * a.stride + head * a.headDim + i;
        T* second = first + half;
        float low[N];
        float high[N];
        loadFloats<N>(first, low);
        loadFloats<N>(second, high);
        const bool isInside = position >= 0 && position < table.positions;
        const float sign = a.direction == RotaryDirection::Forward ? 1.0F : -1.0F;
        for (int e = 0; e < N; ++e) {
            const float c = isInside ? table.cosine[position * half + i + e] : notANumber();
            const float s = isInside ? table.sine[position * half + i + e] * sign : notANumber();
            const float turned = low[e] * c - high[e] * s;
            high[e] = high[e] * c + low[e] * s;
            low[e] = turned;
        }
        storeFloats<N>(first, low);
        storeFloats<N>(second, high);
    }
};

template <typename Launch>
void launchRotary(const Launch& launch, const RotaryTable& table, const RotaryArguments& arguments)
{
    withElement(arguments.type, [&]<typename T>(T*) {
        const auto run = [&]<int N>() {
            const std::int64_t units = arguments.tokens * arguments.heads * (arguments.headDim / 2 / N);
            launch(Grid { ceilDivide(units, RotaryBody<T, N>::kThreads) }, RotaryBody<T, N> { table, arguments });
        };
        const bool isWide = arguments.headDim / 2 % kWide<T> == 0 && arguments.stride % kWide<T> == 0 && areAligned(arguments.x);
        isWide ? run.template operator()<kWide<T>>() : run.template operator()<1>();
    });
}

} // namespace midpoint::kernels::cuda
