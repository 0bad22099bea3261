// The device form of token_logprob.h, for kernels/token_logprob.cu and for the emulated block of the tests.
#pragma once

#include "kernels/cuda/forms.h"
#include "kernels/cuda/reduce.h"

namespace midpoint::kernels::cuda {

// Sums over a part of a row, relative to the largest z met so far, so that one pass is enough.
struct OnlineSums {
    float top = -3.0e38F; // finite: differences stay numbers while all z are minus infinity
    float sum = 0;        // of e^(z - top)
    float weighted = 0;   // of e^(z - top) (z - top)

    MIDPOINT_DEVICE void raiseTo(float newTop)
    {
        const float shift = top - newTop;
        const float factor = expf(shift);
        weighted = factor > 0.0F ? factor * fmaf(shift, sum, weighted) : 0.0F;
        sum *= factor;
        top = newTop;
    }

    template <int N>
    MIDPOINT_DEVICE void add(const float (&z)[N])
    {
        float largest = z[0];
        for (int e = 1; e < N; ++e)
            largest = fmaxf(largest, z[e]);
        if (largest > top)
            raiseTo(largest);
        float partSum = 0;
        float partWeighted = 0;
        for (int e = 0; e < N; ++e) {
            const float shifted = z[e] - top;
            const float exponential = expf(shifted);
            partSum += exponential;
            if (exponential > 0.0F) // 0 * -infinity
                partWeighted = fmaf(exponential, shifted, partWeighted);
            else if (!(shifted <= 0.0F))
                partSum = shifted; // NaN goes through
        }
        sum += partSum;
        weighted += partWeighted;
    }
};

// One block for each row.
template <typename T, int N>
struct TokenLogprobForwardBody {
    static constexpr int kThreads = 512;
    TokenLogprobShape shape;
    TokenLogprobForward a;

    std::int64_t sharedBytes() const { return kMostWarps * sizeof(double); }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t row = block.x();
        const T* logits = static_cast<const T*>(a.logits) + row * shape.vocabulary;
        const float factor = static_cast<float>(1.0 / shape.temperature);
        OnlineSums sums;
        for (std::int64_t i = static_cast<std::int64_t>(block.thread()) * N; i < shape.vocabulary; i += kThreads * N) {
            float z[N];
            loadFloats<N>(logits + i, z);
            for (int e = 0; e < N; ++e)
                z[e] *= factor;
            sums.add(z);
        }
        const float top = rowMax<kThreads>(block, sums.top, block.template shared<float>());
        sums.raiseTo(top);
        const double sum = rowSum<kThreads>(block, static_cast<double>(sums.sum), block.template shared<double>());
        const double weighted = rowSum<kThreads>(block, static_cast<double>(sums.weighted), block.template shared<double>());
        if (block.thread() != 0)
            return;
        const double logSum = log(sum);
        const std::int64_t id = a.ids[row];
        const float chosen = id >= 0 && id < shape.vocabulary ? toFloat(logits[id]) * factor : notANumber();
        a.logprob[row] = static_cast<float>(static_cast<double>(chosen - top) - logSum);
        if (a.entropy != nullptr)
            a.entropy[row] = static_cast<float>(logSum - weighted / sum);
        if (a.logSumExp != nullptr)
            a.logSumExp[row] = static_cast<float>(static_cast<double>(top) + logSum);
    }
};

// Every thread overwrites the logits that it alone reads, so the gradient may lie where they lie.
template <typename T, int N>
struct TokenLogprobBackwardBody {
    static constexpr int kThreads = 256;
    TokenLogprobShape shape;
    TokenLogprobBackward a;

    std::int64_t sharedBytes() const { return 0; }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t row = block.x();
        const std::int64_t i = (block.y() * kThreads + block.thread()) * N;
        if (i >= shape.vocabulary)
            return;
        const float factor = static_cast<float>(1.0 / shape.temperature);
        const std::int64_t id = a.ids[row];
        const bool isInside = id >= 0 && id < shape.vocabulary;
        const float gradLogprob = isInside ? a.gradLogprob[row] * factor : notANumber();
        const float gradEntropy = a.gradEntropy == nullptr ? 0.0F : a.gradEntropy[row] * factor;
        const float entropy = a.entropy == nullptr ? 0.0F : a.entropy[row];
        float z[N];
        loadFloats<N>(static_cast<const T*>(a.logits) + row * shape.vocabulary + i, z);
        for (int e = 0; e < N; ++e) {
            const float logprob = fmaf(z[e], factor, -a.logSumExp[row]);
            const float bounded = logprob < -1e30F ? -1e30F : logprob; // finite, so that 0 * -infinity stays 0
            z[e] = expf(logprob) * (-gradLogprob - gradEntropy * (bounded + entropy)) + (i + e == id ? gradLogprob : 0.0F);
        }
        storeFloats<N>(static_cast<T*>(a.gradLogits) + row * shape.vocabulary + i, z);
    }
};

template <typename Launch>
void launchTokenLogprobForward(const Launch& launch, const TokenLogprobShape& shape, const TokenLogprobForward& arguments)
{
    withElement(shape.type, [&]<typename T>(T*) {
        if (shape.vocabulary % kWide<T> == 0 && areAligned(arguments.logits))
            launch(Grid { shape.rows }, TokenLogprobForwardBody<T, kWide<T>> { shape, arguments });
        else
            launch(Grid { shape.rows }, TokenLogprobForwardBody<T, 1> { shape, arguments });
    });
}

template <typename Launch>
void launchTokenLogprobBackward(const Launch& launch, const TokenLogprobShape& shape, const TokenLogprobBackward& arguments)
{
    withElement(shape.type, [&]<typename T>(T*) {
        const auto run = [&]<int N>() {
            using Body = TokenLogprobBackwardBody<T, N>;
            launch(Grid { shape.rows, ceilDivide(shape.vocabulary, N * Body::kThreads) }, Body { shape, arguments });
        };
        if (shape.vocabulary % kWide<T> == 0 && areAligned(arguments.logits, arguments.gradLogits))
            run.template operator()<kWide<T>>();
        else
            run.template operator()<1>();
    });
}

} // namespace midpoint::kernels::cuda
