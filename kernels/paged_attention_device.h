// The device form of paged_attention.h, for kernels/paged_attention.cu and for the emulated block of the tests.
//
// A block of threads takes one piece of a row's tokens and up to kHeads query heads that share their keys and values, so the cache
// is read once for all of them. Where a row has several pieces, a second kernel joins them.
#pragma once

#include "kernels/cuda/forms.h"
#include "kernels/cuda/portable.h"

namespace midpoint::kernels::cuda {

constexpr int kPagedThreads = 128;
constexpr int kPagedTokens = 2; // tokens of a thread, neighbours in one block of the cache
static_assert(kPagedThreads * kPagedTokens == kPagedPiece);
static_assert(kPagedBlockUnit % kPagedTokens == 0);

// PagedCacheShape::blockElements, which only the host can call.
MIDPOINT_DEVICE std::int64_t blockElements(const PagedCacheShape& shape)
{
    return 2 * shape.keyValueHeads * shape.headDim * shape.blockTokens;
}

// Softmax of a piece, kept for the joining.
struct PagedParts {
    float* mixed = nullptr;    // [pieces, rows, queryHeads, headDim]: sum of e^(score - top) value
    float* largest = nullptr;  // [pieces, rows, queryHeads]: top
    float* sum = nullptr;      // [pieces, rows, queryHeads]: of e^(score - top)
};

// N: neighbouring elements of a value that one thread reads at a time.
template <typename T, int N, int kHeads>
struct PagedPieceBody {
    static constexpr int kThreads = kPagedThreads;
    PagedCacheShape shape;
    PagedAttentionArguments a;
    PagedParts parts;
    bool isWhole; // one piece holds any row: the output is written at once

    struct Memory {
        Float4* query;               // [headDim, kHeads / 4], scaled
        Float4* score;               // [kPagedPiece, kHeads / 4], later probabilities before division
        std::int64_t* valueOffset;   // [kPagedPiece], of each token in the cache
        float* largest;              // [kHeads]
        float* sum;                  // [kHeads]
        float* mixed;                // [kThreads / (headDim / N), kHeads, headDim]
    };
    struct Unit { // what this block works on
        std::int64_t row;
        std::int64_t keyValueHead;
        std::int64_t firstHead;
        std::int64_t heads;
        std::int64_t firstToken;
        std::int64_t tokens;
    };

    std::int64_t sharedBytes() const
    {
        return shape.headDim * kHeads * 4 + kPagedPiece * (kHeads * 4 + 8) + 2 * kHeads * 4 + kThreads * N * kHeads * 4;
    }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t share = a.queryHeads / shape.keyValueHeads;
        const std::int64_t groups = ceilDivide(share, kHeads);
        Unit u;
        u.row = block.x();
        u.keyValueHead = block.y() / groups;
        const std::int64_t skipped = block.y() % groups * kHeads;
        u.firstHead = u.keyValueHead * share + skipped;
        u.heads = share - skipped < kHeads ? share - skipped : kHeads;
        u.firstToken = block.z() * kPagedPiece;
        u.tokens = a.row[u.row].length - u.firstToken;
        if (u.tokens <= 0)
            return; // the whole block
        u.tokens = u.tokens < kPagedPiece ? u.tokens : kPagedPiece;
        Memory m;
        m.valueOffset = block.template shared<std::int64_t>();
        m.score = reinterpret_cast<Float4*>(m.valueOffset + kPagedPiece);
        m.query = m.score + kPagedPiece * kHeads / 4;
        m.largest = reinterpret_cast<float*>(m.query + shape.headDim * kHeads / 4);
        m.sum = m.largest + kHeads;
        m.mixed = m.sum + kHeads;
        bringQuery(block, u, m);
        block.sync();
        scoreTokens(block, u, m);
        block.sync();
        softmax(block, u, m);
        block.sync();
        mixValues(block, u, m);
        block.sync();
        storeMixed(block, u, m);
    }

private:
    template <typename Block>
    MIDPOINT_DEVICE void bringQuery(Block& block, const Unit& u, const Memory& m) const
    {
        const T* query = static_cast<const T*>(a.query) + u.row * a.queryStride + u.firstHead * shape.headDim;
        auto* to = reinterpret_cast<float*>(m.query);
        for (std::int64_t i = block.thread(); i < kHeads * shape.headDim; i += kThreads) {
            const std::int64_t head = i / shape.headDim;
            const std::int64_t d = i % shape.headDim;
            to[d * kHeads + head] = head < u.heads ? toFloat(query[i]) * a.scale : 0.0F;
        }
    }

    // Two tokens of a thread with all heads: keys lie token by token.
    template <typename Block>
    MIDPOINT_DEVICE void scoreTokens(Block& block, const Unit& u, const Memory& m) const
    {
        const std::int64_t local = static_cast<std::int64_t>(block.thread()) * kPagedTokens;
        if (local >= u.tokens)
            return;
        const std::int64_t token = u.firstToken + local;
        const std::int64_t slot = token % shape.blockTokens;
        const std::int64_t base = a.row[u.row].table[token / shape.blockTokens] * blockElements(shape);
        const std::int64_t values = base + (shape.keyValueHeads + u.keyValueHead) * shape.headDim * shape.blockTokens;
        const T* key = static_cast<const T*>(a.cache) + base + u.keyValueHead * shape.headDim * shape.blockTokens + slot;
        float sum[kPagedTokens][kHeads] = {};
        MIDPOINT_UNROLL_BY(8)
        for (std::int64_t d = 0; d < shape.headDim; ++d) {
            float k[kPagedTokens];
            loadFloats<kPagedTokens>(key + d * shape.blockTokens, k);
            MIDPOINT_UNROLL
            for (int q = 0; q < kHeads / 4; ++q) {
                const Float4 query = m.query[d * (kHeads / 4) + q];
                MIDPOINT_UNROLL
                for (int t = 0; t < kPagedTokens; ++t) {
                    sum[t][4 * q] = fmaf(query.x, k[t], sum[t][4 * q]);
                    sum[t][4 * q + 1] = fmaf(query.y, k[t], sum[t][4 * q + 1]);
                    sum[t][4 * q + 2] = fmaf(query.z, k[t], sum[t][4 * q + 2]);
                    sum[t][4 * q + 3] = fmaf(query.w, k[t], sum[t][4 * q + 3]);
                }
            }
        }
        MIDPOINT_UNROLL
        for (int t = 0; t < kPagedTokens; ++t) {
            m.valueOffset[local + t] = values + (slot + t) * shape.headDim;
            MIDPOINT_UNROLL
            for (int q = 0; q < kHeads / 4; ++q)
                m.score[(local + t) * (kHeads / 4) + q]
                    = Float4 { sum[t][4 * q], sum[t][4 * q + 1], sum[t][4 * q + 2], sum[t][4 * q + 3] };
        }
    }

    // A warp for each head.
    template <typename Block>
    MIDPOINT_DEVICE void softmax(Block& block, const Unit& u, const Memory& m) const
    {
        auto* score = reinterpret_cast<float*>(m.score);
        const int lane = block.thread() % kWarp;
        for (int head = block.thread() / kWarp; head < kHeads; head += kThreads / kWarp) {
            float top = minusInfinity();
            for (std::int64_t t = lane; t < u.tokens; t += kWarp)
                top = fmaxf(top, score[t * kHeads + head]);
            top = block.max(top);
            float sum = 0;
            for (std::int64_t t = lane; t < u.tokens; t += kWarp) {
                const float e = expf(score[t * kHeads + head] - top);
                score[t * kHeads + head] = e;
                sum += e;
            }
            sum = block.sum(sum);
            if (lane == 0) {
                m.largest[head] = top;
                m.sum[head] = sum;
            }
        }
    }

    // Threads side by side read one token's value; the others take the next tokens.
    template <typename Block>
    MIDPOINT_DEVICE void mixValues(Block& block, const Unit& u, const Memory& m) const
    {
        const int across = static_cast<int>(shape.headDim) / N;
        const int group = block.thread() / across;
        const int groups = kThreads / across;
        const int d = block.thread() % across * N;
        if (group >= groups)
            return;
        float sum[kHeads][N] = {};
        MIDPOINT_UNROLL_BY(4)
        for (std::int64_t t = group; t < u.tokens; t += groups) {
            float value[N];
            loadFloats<N>(static_cast<const T*>(a.cache) + m.valueOffset[t] + d, value);
            MIDPOINT_UNROLL
            for (int q = 0; q < kHeads / 4; ++q) {
                const Float4 p = m.score[t * (kHeads / 4) + q];
                MIDPOINT_UNROLL
                for (int e = 0; e < N; ++e) {
                    sum[4 * q][e] = fmaf(p.x, value[e], sum[4 * q][e]);
                    sum[4 * q + 1][e] = fmaf(p.y, value[e], sum[4 * q + 1][e]);
                    sum[4 * q + 2][e] = fmaf(p.z, value[e], sum[4 * q + 2][e]);
                    sum[4 * q + 3][e] = fmaf(p.w, value[e], sum[4 * q + 3][e]);
                }
            }
        }
        MIDPOINT_UNROLL
        for (int h = 0; h < kHeads; ++h)
            MIDPOINT_UNROLL
            for (int e = 0; e < N; ++e)
                m.mixed[(group * kHeads + h) * shape.headDim + d + e] = sum[h][e];
    }

    template <typename Block>
    MIDPOINT_DEVICE void storeMixed(Block& block, const Unit& u, const Memory& m) const
    {
        const int groups = kThreads / (static_cast<int>(shape.headDim) / N);
        for (std::int64_t i = block.thread(); i < u.heads * shape.headDim; i += kThreads) {
            const std::int64_t head = i / shape.headDim;
            float mixed = 0;
            for (int g = 0; g < groups; ++g)
                mixed += m.mixed[g * kHeads * shape.headDim + i];
            const std::int64_t to = u.row * a.queryHeads + u.firstHead;
            if (isWhole) {
                convert(mixed / m.sum[head], static_cast<T*>(a.output)[to * shape.headDim + i]);
                continue;
            }
            const std::int64_t part = block.z() * a.rows * a.queryHeads + to;
            parts.mixed[part * shape.headDim + i] = mixed;
            if (i % shape.headDim == 0) {
                parts.largest[part + head] = m.largest[head];
                parts.sum[part + head] = m.sum[head];
            }
        }
    }
};

// One block for each row and query head; a thread for each element.
template <typename T>
struct PagedJoinBody {
    static constexpr int kThreads = 128;
    std::int64_t headDim;
    PagedAttentionArguments a;
    PagedParts parts;

    std::int64_t sharedBytes() const { return 0; }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t at = block.x() * a.queryHeads + block.y();
        const std::int64_t each = a.rows * a.queryHeads;
        const std::int64_t pieces = ceilDivide(a.row[block.x()].length, kPagedPiece);
        float top = minusInfinity();
        for (std::int64_t p = 0; p < pieces; ++p)
            top = fmaxf(top, parts.largest[p * each + at]);
        for (std::int64_t d = block.thread(); d < headDim; d += kThreads) {
            float mixed = 0;
            float sum = 0;
            for (std::int64_t p = 0; p < pieces; ++p) {
                const float factor = expf(parts.largest[p * each + at] - top);
                mixed = fmaf(factor, parts.mixed[(p * each + at) * headDim + d], mixed);
                sum = fmaf(factor, parts.sum[p * each + at], sum);
            }
            convert(mixed / sum, static_cast<T*>(a.output)[at * headDim + d]);
        }
    }
};

// One thread for each element of a token's key, and of its value.
template <typename T>
struct PagedWriteBody {
    static constexpr int kThreads = 256;
    PagedCacheShape shape;
    PagedWriteArguments a;

    std::int64_t sharedBytes() const { return 0; }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t width = shape.keyValueHeads * shape.headDim;
        const std::int64_t i = block.y() * kThreads + block.thread();
        if (i >= width)
            return;
        const std::int64_t r = block.x();
        const std::int64_t token = a.row[r].length - 1;
        const std::int64_t slot = token % shape.blockTokens;
        T* cache = static_cast<T*>(a.cache) + a.row[r].table[token / shape.blockTokens] * blockElements(shape);
        const std::int64_t head = i / shape.headDim;
        const std::int64_t value = width * shape.blockTokens + (head * shape.blockTokens + slot) * shape.headDim + i % shape.headDim;
        cache[i * shape.blockTokens + slot] = static_cast<const T*>(a.key)[r * a.stride + i];
        cache[value] = static_cast<const T*>(a.value)[r * a.stride + i];
    }
};

template <typename Launch>
void launchPagedWrite(const Launch& launch, const PagedCacheShape& shape, const PagedWriteArguments& arguments)
{
    withElement(shape.type, [&]<typename T>(T*) {
        using Body = PagedWriteBody<T>;
        launch(Grid { arguments.rows, ceilDivide(shape.keyValueHeads * shape.headDim, Body::kThreads) }, Body { shape, arguments });
    });
}

template <typename Launch>
void launchPagedAttention(const Launch& launch, const PagedCacheShape& shape, const PagedAttentionArguments& arguments,
    std::int64_t longest, void* workspace)
{
    const std::int64_t pieces = ceilDivide(longest, kPagedPiece);
    const std::int64_t each = arguments.rows * arguments.queryHeads;
    PagedParts parts;
    parts.mixed = static_cast<float*>(workspace);
    if (pieces > 1) {
        parts.largest = parts.mixed + pieces * each * shape.headDim;
        parts.sum = parts.largest + pieces * each;
    }
    const std::int64_t share = arguments.queryHeads / shape.keyValueHeads;
    withElement(shape.type, [&]<typename T>(T*) {
        const auto run = [&]<int N, int kHeads>() {
            launch(Grid { arguments.rows, shape.keyValueHeads * ceilDivide(share, kHeads), pieces },
                PagedPieceBody<T, N, kHeads> { shape, arguments, parts, pieces <= 1 });
        };
        if (shape.headDim % 4 != 0 || !areAligned(arguments.cache))
            run.template operator()<1, 4>();
        else if (share <= 4)
            run.template operator()<4, 4>();
        else
            run.template operator()<4, 8>();
        if (pieces > 1)
            launch(Grid { arguments.rows, arguments.queryHeads }, PagedJoinBody<T> { shape.headDim, arguments, parts });
    });
}

} // namespace midpoint::kernels::cuda
