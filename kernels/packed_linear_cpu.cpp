// Packed order: panel after panel; a panel holds, for each step over the inputs, one step of each of its outputs side by side. A step
// is one input, or two neighbouring ones for the bf16 instructions. Outputs beyond the last are zeros up to a whole vector.
#include "kernels/packed_linear_cpu.h"

#include "kernels/register_tile.h"

namespace midpoint::kernels::MIDPOINT_ISA {
namespace {

constexpr std::int64_t kPrefetchSteps = 16;

// How a step of T is multiplied: `Step` values of x by kLanes outputs.
template <typename T>
struct Steps {
    static constexpr std::int64_t kInputs = 1;
    static Floats broadcast(const T* x) { return splat(toFloat(*x)); }
    static Floats multiplyAdd(Floats x, const T* weights, Floats sum) { return fma(x, load(weights), sum); }
};

#ifdef __AVX512BF16__
template <>
struct Steps<BFloat16> {
    static constexpr std::int64_t kInputs = 2;
    static Ints broadcast(const BFloat16* x)
    {
        std::int32_t pair = 0;
        __builtin_memcpy(&pair, x, sizeof pair);
        return Ints {} + pair;
    }
    static Floats multiplyAdd(Ints x, const BFloat16* weights, Floats sum)
    {
        Ints pairs;
        __builtin_memcpy(&pairs, weights, sizeof pairs);
        return reinterpret_cast<Floats>(_mm512_dpbf16_ps(
            reinterpret_cast<__m512>(sum), reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(pairs)));
    }
};
#endif

template <typename T>
std::int64_t stepsOf(std::int64_t inputs)
{
    return (inputs + Steps<T>::kInputs - 1) / Steps<T>::kInputs;
}

// Elements of all panels before panel p; also of all of them, for the number of panels.
template <typename T>
std::int64_t panelOffset(const PackedLinearTask& task, std::int64_t panel)
{
    const std::int64_t padded = roundUp(task.outputs, kLanes);
    const std::int64_t before = panel * kPanel < padded ? panel * kPanel : padded;
    return before * stepsOf<T>(task.inputs) * Steps<T>::kInputs;
}

// A cache line of each row at a time: rows that lie a power of two apart would push each other out of the cache before their next
// element is read.
template <typename T>
void packPanel(const T* weight, const PackedLinearTask& task, T* packed, std::int64_t panel)
{
    constexpr std::int64_t kInputs = Steps<T>::kInputs;
    constexpr std::int64_t kLine = 64 / sizeof(T);
    const std::int64_t first = panel * kPanel;
    const std::int64_t rest = roundUp(task.outputs, kLanes) - first;
    const std::int64_t width = rest < kPanel ? rest : kPanel;
    const std::int64_t count = task.outputs - first < width ? task.outputs - first : width;
    const std::int64_t padded = stepsOf<T>(task.inputs) * kInputs;
    T* const to = packed + panelOffset<T>(task, panel);
    if (count < width || padded > task.inputs)
        __builtin_memset(to, 0, static_cast<std::size_t>(padded * width) * sizeof(T));
    const auto place = [width](std::int64_t input, std::int64_t output) {
        return (input / kInputs * width + output) * kInputs + input % kInputs;
    };
    for (std::int64_t begin = 0; begin < task.inputs; begin += kLine)
        for (std::int64_t o = 0; o < count; ++o) {
            const T* from = weight + (first + o) * task.inputs + begin;
            T* line = to + place(begin, o);
            __builtin_prefetch(from + 2 * kLine);
            if (begin + kLine <= task.inputs) {
#pragma GCC unroll 32
                for (std::int64_t i = 0; i < kLine; ++i)
                    line[place(i, 0)] = from[i];
            } else {
                for (std::int64_t i = 0; i < task.inputs - begin; ++i)
                    line[place(i, 0)] = from[i];
            }
        }
}

template <typename T>
struct Panel {
    const T* weights = nullptr;
    std::int64_t width = 0;  // outputs, padded to whole vectors
    std::int64_t count = 0;  // outputs
    std::int64_t first = 0;  // index of the first output
};

// The last outputs of a matrix whose number is no multiple of kLanes: `sums` are the vectors of one row.
template <typename T, typename Y>
[[gnu::noinline]] void finishPartly(const Floats* sums, const T* bias, Y* y, std::int64_t count)
{
    for (std::int64_t o = 0; o < count; ++o)
        convert(rounded<T>(sums[o / kLanes][o % kLanes] + (bias == nullptr ? 0.0F : toFloat(bias[o]))), y[o]);
}

// Every loop over the sums is unrolled, so that they stay in registers from the first to the last.
template <int Rows, int Vectors, typename T, typename Y>
void productTile(const PackedLinearTask& task, const Panel<T>& panel, std::int64_t row)
{
    constexpr std::int64_t kInputs = Steps<T>::kInputs;
    Floats sum[Rows][Vectors];
    const auto forEachSum = [&](auto use) __attribute__((always_inline)) {
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v)
                use(r, v);
    };
    forEachSum([&](int r, int v) __attribute__((always_inline)) { sum[r][v] = Floats {}; });
    const T* x = static_cast<const T*>(task.arguments.x) + row * task.inputs;
    const T* weights = panel.weights;
    const std::int64_t wholeSteps = task.inputs / kInputs;
    for (std::int64_t s = 0; s < wholeSteps; ++s, weights += Vectors * kLanes * kInputs) {
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v)
            __builtin_prefetch(weights + (kPrefetchSteps * Vectors + v) * kLanes * kInputs);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            const auto left = Steps<T>::broadcast(x + r * task.inputs + s * kInputs);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v)
                sum[r][v] = Steps<T>::multiplyAdd(left, weights + v * kLanes * kInputs, sum[r][v]);
        }
    }
    if constexpr (kInputs > 1)
        if (wholeSteps * kInputs < task.inputs)
            forEachSum([&](int r, int v) __attribute__((always_inline)) {
                const T last[2] = { x[(r + 1) * task.inputs - 1], T {} }; // a pair must not read beyond the row
                sum[r][v] = Steps<T>::multiplyAdd(Steps<T>::broadcast(last), weights + v * kLanes * kInputs, sum[r][v]);
            });
    const T* bias = task.arguments.bias == nullptr ? nullptr : static_cast<const T*>(task.arguments.bias) + panel.first;
    Y* y = static_cast<Y*>(task.arguments.y) + row * task.outputs + panel.first;
    if (panel.count == panel.width) {
        forEachSum([&](int r, int v) __attribute__((always_inline)) {
            const Floats whole = bias == nullptr ? sum[r][v] : sum[r][v] + load(bias + v * kLanes);
            store(y + r * task.outputs + v * kLanes, rounded<T>(whole));
        });
        return;
    }
    Floats copies[Rows][Vectors];
    forEachSum([&](int r, int v) __attribute__((always_inline)) { copies[r][v] = sum[r][v]; });
    for (int r = 0; r < Rows; ++r)
        finishPartly(copies[r], bias, y + r * task.outputs, panel.count);
}

// A tile of 1 to Rows rows.
template <int Rows, int Vectors, typename T, typename Y>
void productTileOf(std::int64_t rows, const PackedLinearTask& task, const Panel<T>& panel, std::int64_t row)
{
    if constexpr (Rows > 1)
        if (rows < Rows)
            return productTileOf<Rows - 1, Vectors, T, Y>(rows, task, panel, row);
    productTile<Rows, Vectors, T, Y>(task, panel, row);
}

// As few tiles as possible, of nearly the same height: every tile reads the whole panel, and one of few rows leaves the arithmetic
// units waiting.
template <int Vectors, typename T, typename Y>
void productRows(const PackedLinearTask& task, const Panel<T>& panel)
{
    const std::int64_t rows = task.arguments.rows;
    const std::int64_t tiles = (rows + kRows - 1) / kRows;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
        const std::int64_t row = tile * rows / tiles;
        productTileOf<kRows, Vectors, T, Y>((tile + 1) * rows / tiles - row, task, panel, row);
    }
}

template <typename T, typename Y>
void productPanels(const PackedLinearTask& task, std::int64_t beginPanel, std::int64_t endPanel)
{
    for (std::int64_t p = beginPanel; p < endPanel; ++p) {
        const std::int64_t first = p * kPanel;
        const std::int64_t rest = task.outputs - first;
        Panel<T> panel { static_cast<const T*>(task.packed) + panelOffset<T>(task, p), 0, rest < kPanel ? rest : kPanel, first };
        panel.width = roundUp(panel.count, kLanes);
        switch (panel.width / kLanes) {
        case 3: productRows<3 <= kVectors ? 3 : 1, T, Y>(task, panel); break;
        case 2: productRows<2, T, Y>(task, panel); break;
        default: productRows<1, T, Y>(task, panel); break;
        }
    }
}

} // namespace

std::int64_t panelOutputs() { return kPanel; }

std::int64_t packedBytes(std::int64_t outputs, std::int64_t inputs, ElementType type)
{
    std::int64_t elements = 0;
    PackedLinearTask task;
    task.outputs = outputs;
    task.inputs = inputs;
    withElement(type, [&]<typename T>(T*) { elements = panelOffset<T>(task, (outputs + kPanel - 1) / kPanel); });
    return elements * sizeOf(type);
}

void packPanels(const void* weight, const PackedLinearTask& shape, void* packed, std::int64_t beginPanel, std::int64_t endPanel)
{
    withElement(shape.type, [&]<typename T>(T*) {
        for (std::int64_t p = beginPanel; p < endPanel; ++p)
            packPanel(static_cast<const T*>(weight), shape, static_cast<T*>(packed), p);
    });
}

void packedLinearPanels(const PackedLinearTask& task, std::int64_t beginPanel, std::int64_t endPanel)
{
    withElement(task.type, [&]<typename T>(T*) {
        if (task.arguments.yType == task.type)
            productPanels<T, T>(task, beginPanel, endPanel);
        else
            productPanels<T, float>(task, beginPanel, endPanel);
    });
}

} // namespace midpoint::kernels::MIDPOINT_ISA
