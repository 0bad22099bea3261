// Internal to the twin checks: one operation's comparison on one module, shared by the files that hold the cases.
#pragma once

#include "backend/core/text.h"
#include "kernels/cuda/twin_arrays.h"
#include "kernels/cuda/twin_checks.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace midpoint::kernels::cuda {

inline constexpr ElementType kFloat = ElementType::Float32;
inline constexpr ElementType kTypes[] = { ElementType::Float32, ElementType::BFloat16, ElementType::Float16 };

inline const char* nameOf(ElementType type)
{
    return type == kFloat ? "float32" : type == ElementType::BFloat16 ? "bfloat16" : "float16";
}

// Relative rounding of one stored value, with room for the different order of sums.
inline double toleranceOf(ElementType type)
{
    return type == kFloat ? 2e-5 : type == ElementType::BFloat16 ? 1.0 / 128 : 1.0 / 1024;
}

struct Expected {
    std::string name;
    HostArray values;
    double tolerance;
};
using Arrays = std::vector<HostArray>;

inline double errorOf(const HostArray& expected, const HostArray& found)
{
    double worst = 0;
    for (std::int64_t i = 0; i < expected.count(); ++i) {
        const double error = std::abs(expected[i] - found[i]) / (1.0 + std::abs(expected[i]));
        if (!(error <= worst))
            worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
    }
    return worst;
}

class Twins {
public:
    Twins(std::string operation, Module& module, TwinSizes sizes, const TwinReport& report)
        : m_operation(std::move(operation))
        , m_module(module)
        , m_sizes(sizes)
        , m_report(report)
    {
    }

    void rmsNorm();
    void rotary();
    void swiglu();
    void tokenLogprob();
    void uniformNumbers();
    void sample();
    void decodeRows();
    void pagedAttention();
    void packedAttention();
    void linear();

private:
    Rng rng() const { return Rng(RngKey { 11, DrawPurpose::Benchmark, 0, 0, 0 }); }
    Operations& operations() { return m_module.operations(); }
    bool isLarge() const { return m_sizes == TwinSizes::Large; }

    // run() brings the inputs to the device, queues the operation and returns what it wrote.
    template <typename Run>
    Arrays runTwice(const std::string& what, const Run& run)
    {
        Arrays first = run();
        const double difference = first == run() ? 0.0 : std::numeric_limits<double>::infinity();
        m_report({ m_operation, what + ": the same bits again", difference, 0 });
        return first;
    }
    template <typename Run>
    void compare(const std::string& what, const std::vector<Expected>& expected, const Run& run)
    {
        const Arrays found = runTwice(what, run);
        for (std::size_t i = 0; i < expected.size(); ++i)
            m_report({ m_operation, concat(what, ": ", expected[i].name), errorOf(expected[i].values, found[i]), expected[i].tolerance });
    }

    void compareSample(std::int64_t rows, std::int64_t vocabulary, const SampleSettings& settings, double scale);
    void comparePacked(const std::vector<std::vector<std::int64_t>>& groups, std::int64_t queryHeads, std::int64_t keyValueHeads,
        std::int64_t headDim, ElementType type);
    void comparePaged(std::int64_t queryHeads, std::int64_t keyValueHeads, std::int64_t headDim, std::int64_t blockTokens, ElementType type);

    std::string m_operation;
    Module& m_module;
    TwinSizes m_sizes;
    const TwinReport& m_report;
};

} // namespace midpoint::kernels::cuda
