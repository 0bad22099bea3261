// One unit is a row and a key-value head: its query heads read the cache together. Scores of all tokens are kept, so that softmax
// is one pass.
#include "kernels/paged_attention_cpu.h"

#include "kernels/simd.h"

namespace midpoint::kernels::MIDPOINT_ISA {
namespace {

constexpr int kMostHeads = 4;                          // query heads in one pass over the cache
constexpr int kMostVectors = kLanes == 16 ? 4 : 2;     // vectors of scores or of values beside them, for the registers
static_assert(kPagedBlockUnit % kLanes == 0, "a vector of tokens lies in one block");

template <typename T>
struct Unit {
    const T* cache = nullptr;
    const std::int32_t* table = nullptr;
    std::int64_t length = 0;
    std::int64_t blockTokens = 0;
    std::int64_t blockElements = 0;
    std::int64_t headDim = 0;
    std::int64_t keyOffset = 0;   // of this head in a block
    std::int64_t valueOffset = 0;
    std::int64_t scoreWidth = 0;
    const float* query = nullptr; // [heads, headDim], scaled
    float* score = nullptr;       // [heads, scoreWidth]
    float* mixed = nullptr;       // [heads, headDim]

    const T* block(std::int64_t b) const { return cache + static_cast<std::int64_t>(table[b]) * blockElements; }
    std::int64_t blocks() const { return (length + blockTokens - 1) / blockTokens; }
};

// Scores of `Heads` query heads with the tokens of `Vectors` neighbouring vectors, each wherever its block lies.
template <int Heads, int Vectors, typename T>
void scoreTokens(const Unit<T>& u, int head, std::int64_t token)
{
    const T* keys[Vectors];
    const T* values[Vectors]; // of the same tokens: fetched meanwhile, for mixing
    for (int v = 0; v < Vectors; ++v) {
        const std::int64_t first = token + v * kLanes;
        const T* block = u.block(first / u.blockTokens);
        keys[v] = block + u.keyOffset + first % u.blockTokens;
        values[v] = block + u.valueOffset + first % u.blockTokens * u.headDim;
    }
    Floats sum[Heads][Vectors] = {};
    const float* query = u.query + head * u.headDim;
    for (std::int64_t d = 0; d < u.headDim; ++d)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            const Floats key = load(keys[v] + d * u.blockTokens);
            __builtin_prefetch(values[v] + d * kLanes);
#pragma GCC unroll 4
            for (int h = 0; h < Heads; ++h)
                sum[h][v] = fma(splat(query[h * u.headDim + d]), key, sum[h][v]);
        }
    for (int h = 0; h < Heads; ++h)
        for (int v = 0; v < Vectors; ++v)
            store(u.score + (head + h) * u.scoreWidth + token + v * kLanes, sum[h][v]);
}

template <int Heads, typename T>
void scoreHeads(const Unit<T>& u, int head)
{
    const std::int64_t end = roundUp(u.length, kLanes);
    std::int64_t token = 0;
    for (; token + kMostVectors * kLanes <= end; token += kMostVectors * kLanes)
        scoreTokens<Heads, kMostVectors>(u, head, token);
    if (kMostVectors > 2 && token + 2 * kLanes <= end) {
        scoreTokens<Heads, 2>(u, head, token);
        token += 2 * kLanes;
    }
    for (; token < end; token += kLanes)
        scoreTokens<Heads, 1>(u, head, token);
}

// mixed[h, d...] = sum_j p[h, j] value[j, d...] for Vectors vectors of d.
template <int Heads, int Vectors, typename T>
void mixColumns(const Unit<T>& u, int head, std::int64_t d)
{
    Floats sum[Heads][Vectors] = {};
    const float* score = u.score + head * u.scoreWidth;
    for (std::int64_t b = 0; b < u.blocks(); ++b) {
        const T* values = u.block(b) + u.valueOffset + d;
        const std::int64_t rest = u.length - b * u.blockTokens;
        const std::int64_t count = rest < u.blockTokens ? rest : u.blockTokens;
        const float* p = score + b * u.blockTokens;
        for (std::int64_t t = 0; t < count; ++t)
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                const Floats value = load(values + t * u.headDim + v * kLanes);
#pragma GCC unroll 4
                for (int h = 0; h < Heads; ++h)
                    sum[h][v] = fma(splat(p[h * u.scoreWidth + t]), value, sum[h][v]);
            }
    }
    for (int h = 0; h < Heads; ++h)
        for (int v = 0; v < Vectors; ++v)
            store(u.mixed + (head + h) * u.headDim + d + v * kLanes, sum[h][v]);
}

template <int Heads, typename T>
void mixHeads(const Unit<T>& u, int head)
{
    std::int64_t d = 0;
    for (; d + kMostVectors * kLanes <= u.headDim; d += kMostVectors * kLanes)
        mixColumns<Heads, kMostVectors>(u, head, d);
    if (kMostVectors > 2 && d + 2 * kLanes <= u.headDim) {
        mixColumns<Heads, 2>(u, head, d);
        d += 2 * kLanes;
    }
    for (; d + kLanes <= u.headDim; d += kLanes)
        mixColumns<Heads, 1>(u, head, d);
    for (; d < u.headDim; ++d)
        for (int h = head; h < head + Heads; ++h) {
            float sum = 0;
            for (std::int64_t j = 0; j < u.length; ++j)
                sum += u.score[h * u.scoreWidth + j]
                    * toFloat(u.block(j / u.blockTokens)[u.valueOffset + (j % u.blockTokens) * u.headDim + d]);
            u.mixed[h * u.headDim + d] = sum;
        }
}

// Scores to probabilities before division; returns 1 / sum.
template <typename T>
float softmaxScores(const Unit<T>& u, float* score)
{
    const std::int64_t end = roundUp(u.length, kLanes);
    for (std::int64_t j = u.length; j < end; ++j)
        score[j] = -__builtin_inff();
    Floats largest = splat(-__builtin_inff());
    for (std::int64_t j = 0; j < end; j += kLanes)
        largest = maximum(largest, load(score + j));
    const float top = maxLanes(largest);
    Floats sum {};
    for (std::int64_t j = 0; j < end; j += kLanes) {
        const Floats e = exponential(load(score + j) - top);
        store(score + j, e);
        sum += e;
    }
    return 1.0F / sumLanes(sum);
}

// body.operator()<Heads>(first head) for all heads, four at a time and then the rest.
template <typename Body>
void inGroups(int heads, const Body& body)
{
    int head = 0;
    for (; head + kMostHeads <= heads; head += kMostHeads)
        body.template operator()<kMostHeads>(head);
    switch (heads - head) {
    case 3: body.template operator()<3>(head); break;
    case 2: body.template operator()<2>(head); break;
    case 1: body.template operator()<1>(head); break;
    default: break;
    }
}

template <typename T>
void attend(const Unit<T>& u, int heads, T* output)
{
    inGroups(heads, [&]<int Heads>(int head) { scoreHeads<Heads>(u, head); });
    float inverse[64];
    for (int first = 0; first < heads; first += 64) { // no head group is larger in practice; the loop keeps any size right
        const int count = heads - first < 64 ? heads - first : 64;
        for (int h = 0; h < count; ++h)
            inverse[h] = softmaxScores(u, u.score + (first + h) * u.scoreWidth);
        inGroups(count, [&]<int Heads>(int head) { mixHeads<Heads>(u, first + head); });
        for (int h = 0; h < count; ++h)
            for (std::int64_t d = 0; d < u.headDim; ++d)
                convert(u.mixed[(first + h) * u.headDim + d] * inverse[h], output[(first + h) * u.headDim + d]);
    }
}

} // namespace

void pagedAttentionRows(
    const PagedCacheShape& shape, const PagedAttentionArguments& arguments, std::int64_t begin, std::int64_t end, float* scratch)
{
    const std::int64_t heads = arguments.queryHeads / shape.keyValueHeads;
    const std::int64_t headElements = shape.headDim * shape.blockTokens;
    withElement(shape.type, [&]<typename T>(T*) {
        for (std::int64_t r = begin; r < end; ++r)
            for (std::int64_t k = 0; k < shape.keyValueHeads; ++k) {
                const T* query = static_cast<const T*>(arguments.query) + r * arguments.queryStride + k * heads * shape.headDim;
                float* scaled = scratch;
                for (std::int64_t i = 0; i < heads * shape.headDim; ++i)
                    scaled[i] = toFloat(query[i]) * arguments.scale;
                const std::int64_t length = arguments.row[r].length;
                float* mixed = scaled + heads * shape.headDim;
                const Unit<T> unit { static_cast<const T*>(arguments.cache), arguments.row[r].table, length, shape.blockTokens,
                    shape.blockElements(), shape.headDim, k * headElements, (shape.keyValueHeads + k) * headElements,
                    roundUp(length, shape.blockTokens), scaled, mixed + heads * shape.headDim, mixed };
                attend(unit, static_cast<int>(heads),
                    static_cast<T*>(arguments.output) + (r * arguments.queryHeads + k * heads) * shape.headDim);
            }
    });
}

} // namespace midpoint::kernels::MIDPOINT_ISA
