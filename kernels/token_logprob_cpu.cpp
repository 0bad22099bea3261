#include "kernels/token_logprob_cpu.h"

#include "kernels/simd.h"

namespace midpoint::kernels::MIDPOINT_ISA {
namespace {

// Vectors summed in float32 before they are added to a double, so that the error does not grow with the vocabulary.
constexpr std::int64_t kVectorsPerSum = 32;

// One row's logits / temperature; beyond the end, minus infinity.
template <typename T>
struct ScaledRow {
    const T* logits = nullptr;
    std::int64_t count = 0;
    float factor = 1.0F; // 1 / temperature

    Floats at(std::int64_t i) const
    {
        if (i + kLanes <= count)
            return load(logits + i) * factor;
        Floats value = splat(-__builtin_inff());
        for (std::int64_t lane = 0; i + lane < count; ++lane)
            value[lane] = toFloat(logits[i + lane]) * factor;
        return value;
    }
};

template <typename T>
float maximumOf(const ScaledRow<T>& row)
{
    Floats largest = splat(-__builtin_inff());
    for (std::int64_t i = 0; i < row.count; i += kLanes)
        largest = maximum(largest, row.at(i));
    return maxLanes(largest);
}

struct ExponentialSums {
    double sum = 0;      // of e^(z - max)
    double weighted = 0; // of e^(z - max) (z - max)
};

template <typename T>
ExponentialSums exponentialSums(const ScaledRow<T>& row, float top)
{
    ExponentialSums sums;
    for (std::int64_t begin = 0; begin < row.count; begin += kVectorsPerSum * kLanes) {
        const std::int64_t end = begin + kVectorsPerSum * kLanes < row.count ? begin + kVectorsPerSum * kLanes : row.count;
        Floats sum {};
        Floats weighted {};
        for (std::int64_t i = begin; i < end; i += kLanes) {
            const Floats shifted = row.at(i) - top;
            const Floats e = exponential(shifted);
            sum += e;
            weighted = fma(e, maximum(shifted, splat(-1e30F)), weighted); // finite, so that 0 * -infinity stays 0
        }
        sums.sum += static_cast<double>(sumLanes(sum));
        sums.weighted += static_cast<double>(sumLanes(weighted));
    }
    return sums;
}

template <typename T>
void storeGradient(T* to, Floats value, std::int64_t count)
{
    if (count >= kLanes)
        return store(to, value);
    for (std::int64_t i = 0; i < count; ++i)
        convert(value[i], to[i]);
}

template <typename T>
void backwardRow(const ScaledRow<T>& row, const TokenLogprobBackward& arguments, std::int64_t r, T* gradLogits)
{
    const float gradLogprob = arguments.gradLogprob[r] * row.factor;
    const float gradEntropy = arguments.gradEntropy == nullptr ? 0.0F : arguments.gradEntropy[r] * row.factor;
    const float entropy = arguments.entropy == nullptr ? 0.0F : arguments.entropy[r];
    const std::int64_t id = arguments.ids[r];
    const float idLogprob = toFloat(row.logits[id]) * row.factor - arguments.logSumExp[r];
    const auto gradientOf = [&](Floats logprob) {
        const Floats bounded = maximum(logprob, splat(-1e30F));
        return exponential(logprob) * (-gradLogprob - gradEntropy * (bounded + entropy));
    };
    for (std::int64_t i = 0; i < row.count; i += kLanes)
        storeGradient(gradLogits + i, gradientOf(row.at(i) - arguments.logSumExp[r]), row.count - i);
    convert(gradLogprob + gradientOf(splat(idLogprob))[0], gradLogits[id]);
}

} // namespace

void tokenLogprobForwardRows(const TokenLogprobShape& shape, const TokenLogprobForward& arguments, std::int64_t begin, std::int64_t end)
{
    withElement(shape.type, [&]<typename T>(T*) {
        for (std::int64_t r = begin; r < end; ++r) {
            const ScaledRow<T> row { static_cast<const T*>(arguments.logits) + r * shape.vocabulary, shape.vocabulary,
                static_cast<float>(1.0 / shape.temperature) };
            const float top = maximumOf(row);
            const ExponentialSums sums = exponentialSums(row, top);
            const double logSum = __builtin_log(sums.sum);
            const float chosen = toFloat(row.logits[arguments.ids[r]]) * row.factor;
            arguments.logprob[r] = static_cast<float>(static_cast<double>(chosen - top) - logSum);
            if (arguments.entropy != nullptr)
                arguments.entropy[r] = static_cast<float>(logSum - sums.weighted / sums.sum);
            if (arguments.logSumExp != nullptr)
                arguments.logSumExp[r] = static_cast<float>(static_cast<double>(top) + logSum);
        }
    });
}

void tokenLogprobBackwardRows(const TokenLogprobShape& shape, const TokenLogprobBackward& arguments, std::int64_t begin, std::int64_t end)
{
    withElement(shape.type, [&]<typename T>(T*) {
        for (std::int64_t r = begin; r < end; ++r) {
            const ScaledRow<T> row { static_cast<const T*>(arguments.logits) + r * shape.vocabulary, shape.vocabulary,
                static_cast<float>(1.0 / shape.temperature) };
            backwardRow(row, arguments, r, static_cast<T*>(arguments.gradLogits) + r * shape.vocabulary);
        }
    });
}

} // namespace midpoint::kernels::MIDPOINT_ISA
