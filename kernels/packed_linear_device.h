// The device form of packed_linear.h, for kernels/packed_linear.cu and for the emulated block of the tests.
#pragma once

#include "kernels/cuda/forms.h"
#include "kernels/cuda/portable.h"

namespace midpoint::kernels::cuda {

constexpr int kLinearRows = 8; // rows that share one reading of the weight

// A warp computes one output of up to kLinearRows rows. The order of its sum depends on the number of inputs alone.
template <typename T, typename Y, int N>
struct LinearBody {
    static constexpr int kThreads = 128;
    LinearMatrix matrix;
    PackedLinearArguments a;

    std::int64_t sharedBytes() const { return 0; }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t output = block.x() * (kThreads / kWarp) + block.thread() / kWarp;
        const std::int64_t lane = block.thread() % kWarp;
        const std::int64_t firstRow = block.y() * kLinearRows;
        const std::int64_t rows = a.rows - firstRow < kLinearRows ? a.rows - firstRow : kLinearRows;
        const std::int64_t inputs = output < matrix.outputs ? matrix.inputs : 0;
        const T* weight = static_cast<const T*>(matrix.weight) + output * matrix.inputs;
        float sum[kLinearRows] = {};
        for (std::int64_t i = lane * N; i < inputs; i += kWarp * N) {
            float w[N];
            loadFloats<N>(weight + i, w);
            MIDPOINT_UNROLL
            for (int r = 0; r < kLinearRows; ++r) {
                if (r >= rows)
                    break;
                float x[N];
                loadFloats<N>(static_cast<const T*>(a.x) + (firstRow + r) * matrix.inputs + i, x);
                for (int e = 0; e < N; ++e)
                    sum[r] = fmaf(w[e], x[e], sum[r]);
            }
        }
        for (int r = 0; r < kLinearRows; ++r) // all warps alike: the shuffles inside need every lane
            sum[r] = block.sum(sum[r]);
        if (lane != 0 || output >= matrix.outputs)
            return;
        const float bias = a.bias == nullptr ? 0.0F : toFloat(static_cast<const T*>(a.bias)[output]);
        MIDPOINT_UNROLL
        for (int r = 0; r < kLinearRows; ++r)
            if (r < rows)
                convert(rounded<T>(sum[r] + bias), static_cast<Y*>(a.y)[(firstRow + r) * matrix.outputs + output]);
    }
};

template <typename Launch>
void launchLinear(const Launch& launch, const LinearMatrix& matrix, const PackedLinearArguments& arguments)
{
    withElement(matrix.type, [&]<typename T>(T*) {
        const auto run = [&]<typename Y, int N>() {
            using Body = LinearBody<T, Y, N>;
            launch(Grid { ceilDivide(matrix.outputs, Body::kThreads / kWarp), ceilDivide(arguments.rows, kLinearRows) },
                Body { matrix, arguments });
        };
        const bool isWide = matrix.inputs % kWide<T> == 0 && areAligned(matrix.weight, arguments.x);
        if (arguments.yType == matrix.type)
            isWide ? run.template operator()<T, kWide<T>>() : run.template operator()<T, 1>();
        else
            isWide ? run.template operator()<float, kWide<T>>() : run.template operator()<float, 1>();
    });
}

} // namespace midpoint::kernels::cuda
