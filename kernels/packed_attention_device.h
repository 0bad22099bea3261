// The device form of packed_attention.h, for kernels/packed_attention.cu and for the emulated block of the tests.
//
// Tiles of 16 * Rows rows stay with a block of threads and meet tiles of 8 * Columns columns one after the other, all in shared
// memory as float32. Thread (y, x) of 16 x 8 has the rows y + 16 i, of products of two tiles the columns x + 8 j, and of tiles of
// the width headDim four neighbouring columns 4 x + 32 j. Forward and gradQuery: rows are queries; gradKey, gradValue: rows are
// keys, so that every gradient is summed by one thread in a fixed order.
#pragma once

#include "kernels/cuda/forms.h"
#include "kernels/cuda/portable.h"

namespace midpoint::kernels::cuda {

constexpr int kTileThreads = 128;
constexpr int kTileX = 8;
constexpr int kTileY = 16;

template <typename T, int Dim, int Rows, int Columns>
struct TileWork {
    static constexpr int kRows = kTileY * Rows;
    static constexpr int kColumns = kTileX * Columns;
    static constexpr int kPitch = Dim + 4;          // floats between rows: neighbouring rows lie in different banks
    static constexpr int kScorePitch = kColumns + 4;
    static constexpr int kQuads = Dim / 32;         // Float4 of a row that belong to one thread

    // Rows [first, first + count) of a [tokens, heads, headDim] array, padded with zeros; times `factor`.
    template <typename Block>
    MIDPOINT_DEVICE static void bring(Block& block, const void* array, std::int64_t heads, std::int64_t head, std::int64_t headDim,
        std::int64_t first, std::int64_t count, int rows, float factor, float* to)
    {
        const T* from = static_cast<const T*>(array) + (first * heads + head) * headDim;
        for (int i = block.thread() * 4; i < rows * Dim; i += kTileThreads * 4) {
            const int r = i / Dim;
            const int d = i % Dim;
            float value[4] = {};
            const T* at = from + r * heads * headDim + d;
            if (r < count && d < headDim) {
                if (headDim % 4 == 0)
                    loadFloats<4>(at, value);
                else
                    for (int e = 0; e < 4 && d + e < headDim; ++e)
                        value[e] = toFloat(at[e]);
            }
            *reinterpret_cast<Float4*>(to + r * kPitch + d)
                = Float4 { value[0] * factor, value[1] * factor, value[2] * factor, value[3] * factor };
        }
    }

    // product[i][j] = row tile . column tile, over Dim.
    MIDPOINT_DEVICE static void multiply(int x, int y, const float* rowTile, const float* columnTile, float (&product)[Rows][Columns])
    {
        for (int i = 0; i < Rows; ++i)
            for (int j = 0; j < Columns; ++j)
                product[i][j] = 0;
        MIDPOINT_UNROLL_BY(4)
        for (int d = 0; d < Dim; d += 4) {
            Float4 right[Columns];
            MIDPOINT_UNROLL
            for (int j = 0; j < Columns; ++j)
                right[j] = *reinterpret_cast<const Float4*>(columnTile + (x + kTileX * j) * kPitch + d);
            MIDPOINT_UNROLL
            for (int i = 0; i < Rows; ++i) {
                const Float4 left = *reinterpret_cast<const Float4*>(rowTile + (y + kTileY * i) * kPitch + d);
                MIDPOINT_UNROLL
                for (int j = 0; j < Columns; ++j)
                    product[i][j] = dot(left, right[j], product[i][j]);
            }
        }
    }

    // sum += factors [kRows, kColumns] times column tile.
    MIDPOINT_DEVICE static void accumulate(int x, int y, const float* factors, const float* columnTile, Float4 (&sum)[Rows][kQuads])
    {
        MIDPOINT_UNROLL_BY(2)
        for (int c = 0; c < kColumns; ++c) {
            Float4 right[kQuads];
            MIDPOINT_UNROLL
            for (int j = 0; j < kQuads; ++j)
                right[j] = *reinterpret_cast<const Float4*>(columnTile + c * kPitch + 4 * x + 32 * j);
            MIDPOINT_UNROLL
            for (int i = 0; i < Rows; ++i) {
                const float factor = factors[(y + kTileY * i) * kScorePitch + c];
                MIDPOINT_UNROLL
                for (int j = 0; j < kQuads; ++j)
                    addScaled(sum[i][j], factor, right[j]);
            }
        }
    }

    MIDPOINT_DEVICE static void store(int x, std::int64_t headDim, const Float4 (&from)[kQuads], float factor, T* to)
    {
        MIDPOINT_UNROLL
        for (int j = 0; j < kQuads; ++j) {
            const float value[4] = { from[j].x * factor, from[j].y * factor, from[j].z * factor, from[j].w * factor };
            for (int e = 0; e < 4; ++e)
                if (4 * x + 32 * j + e < headDim)
                    convert(value[e], to[4 * x + 32 * j + e]);
        }
    }
};

// Calls body(first key, end of the keys) for the tiles of keys that a tile of queries sees: the prompt, then its own segment.
template <int Columns, typename Body>
MIDPOINT_DEVICE void forEachKeyTile(const QueryTile& tile, const Body& body)
{
    for (std::int32_t j = tile.promptBegin; j < tile.promptEnd; j += Columns)
        body(j, tile.promptEnd);
    for (std::int32_t j = tile.ownBegin; j < tile.first + tile.count; j += Columns)
        body(j, tile.first + tile.count);
}

template <typename T, int Dim, int Rows, int Columns>
struct PackedForwardBody {
    using Work = TileWork<T, Dim, Rows, Columns>;
    static constexpr int kThreads = kTileThreads;
    PackedTileShape shape;
    PackedAttentionForward a;

    std::int64_t sharedBytes() const
    {
        return 4 * (Work::kRows * (Work::kPitch + Work::kScorePitch) + Work::kColumns * Work::kPitch);
    }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const QueryTile tile = shape.queryTiles[block.x()];
        const std::int64_t head = block.y();
        const std::int64_t keyHead = head / (shape.queryHeads / shape.keyValueHeads);
        const int x = block.thread() % kTileX;
        const int y = block.thread() / kTileX;
        auto* query = block.template shared<float>();
        float* keyOrValue = query + Work::kRows * Work::kPitch;
        float* probability = keyOrValue + Work::kColumns * Work::kPitch;
        Work::bring(block, a.query, shape.queryHeads, head, shape.headDim, tile.first, tile.count, Work::kRows, shape.scale, query);
        float top[Rows];
        float sum[Rows];
        Float4 mixed[Rows][Work::kQuads];
        for (int i = 0; i < Rows; ++i) {
            top[i] = minusInfinity();
            sum[i] = 0;
            for (int j = 0; j < Work::kQuads; ++j)
                mixed[i][j] = Float4 { 0, 0, 0, 0 };
        }
        forEachKeyTile<Work::kColumns>(tile, [&](std::int32_t first, std::int32_t end) {
            block.sync(); // all are done with the tile before
            Work::bring(block, a.key, shape.keyValueHeads, keyHead, shape.headDim, first, end - first, Work::kColumns, 1.0F, keyOrValue);
            block.sync();
            float score[Rows][Columns];
            Work::multiply(x, y, query, keyOrValue, score);
            for (int i = 0; i < Rows; ++i) {
                float largest = minusInfinity();
                for (int j = 0; j < Columns; ++j) {
                    const std::int32_t key = first + x + kTileX * j;
                    if (key >= end || key > tile.first + y + kTileY * i)
                        score[i][j] = minusInfinity();
                    largest = fmaxf(largest, score[i][j]);
                }
                largest = fmaxf(top[i], block.template max<kTileX>(largest));
                const bool isEmpty = largest == minusInfinity(); // this row has seen nothing yet
                const float factor = isEmpty ? 1.0F : expf(top[i] - largest);
                float part = 0;
                for (int j = 0; j < Columns; ++j) {
                    const float p = isEmpty ? 0.0F : expf(score[i][j] - largest);
                    probability[(y + kTileY * i) * Work::kScorePitch + x + kTileX * j] = p;
                    part += p;
                }
                top[i] = largest;
                sum[i] = fmaf(sum[i], factor, block.template sum<kTileX>(part));
                for (int j = 0; j < Work::kQuads; ++j) {
                    mixed[i][j].x *= factor;
                    mixed[i][j].y *= factor;
                    mixed[i][j].z *= factor;
                    mixed[i][j].w *= factor;
                }
            }
            block.sync();
            Work::bring(block, a.value, shape.keyValueHeads, keyHead, shape.headDim, first, end - first, Work::kColumns, 1.0F, keyOrValue);
            block.sync();
            Work::accumulate(x, y, probability, keyOrValue, mixed);
        });
        MIDPOINT_UNROLL
        for (int i = 0; i < Rows; ++i) {
            const int row = y + kTileY * i;
            if (row >= tile.count)
                continue;
            const std::int64_t at = (tile.first + row) * shape.queryHeads + head;
            Work::store(x, shape.headDim, mixed[i], 1.0F / sum[i], static_cast<T*>(a.output) + at * shape.headDim);
            if (x == 0)
                a.logSumExp[at] = top[i] + logf(sum[i]);
        }
    }
};

// delta = gradOutput . output of every query, a warp for each.
template <typename T>
struct PackedDeltaBody {
    static constexpr int kThreads = 128;
    std::int64_t rows;
    std::int64_t headDim;
    const T* gradOutput;
    const T* output;
    float* delta;

    std::int64_t sharedBytes() const { return 0; }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t row = block.x() * (kThreads / kWarp) + block.thread() / kWarp;
        float sum = 0;
        for (std::int64_t d = block.thread() % kWarp; d < headDim && row < rows; d += kWarp)
            sum = fmaf(toFloat(gradOutput[row * headDim + d]), toFloat(output[row * headDim + d]), sum);
        sum = block.sum(sum);
        if (block.thread() % kWarp == 0 && row < rows)
            delta[row] = sum;
    }
};

// gradQuery = scale * sum_j p_j (gradOutput . value_j - delta) key_j.
template <typename T, int Dim, int Rows, int Columns>
struct PackedGradQueryBody {
    using Work = TileWork<T, Dim, Rows, Columns>;
    static constexpr int kThreads = kTileThreads;
    PackedTileShape shape;
    PackedAttentionBackward a;
    const float* delta;

    std::int64_t sharedBytes() const
    {
        return 4 * (Work::kRows * (2 * Work::kPitch + Work::kScorePitch) + Work::kColumns * Work::kPitch);
    }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const QueryTile tile = shape.queryTiles[block.x()];
        const std::int64_t head = block.y();
        const std::int64_t keyHead = head / (shape.queryHeads / shape.keyValueHeads);
        const int x = block.thread() % kTileX;
        const int y = block.thread() / kTileX;
        auto* query = block.template shared<float>();
        float* gradOutput = query + Work::kRows * Work::kPitch;
        float* keyOrValue = gradOutput + Work::kRows * Work::kPitch;
        float* gradScore = keyOrValue + Work::kColumns * Work::kPitch;
        Work::bring(block, a.query, shape.queryHeads, head, shape.headDim, tile.first, tile.count, Work::kRows, shape.scale, query);
        Work::bring(block, a.gradOutput, shape.queryHeads, head, shape.headDim, tile.first, tile.count, Work::kRows, 1.0F, gradOutput);
        float logSumExp[Rows];
        float rowDelta[Rows];
        Float4 sum[Rows][Work::kQuads];
        MIDPOINT_UNROLL
        for (int i = 0; i < Rows; ++i) {
            const int row = y + kTileY * i;
            const std::int64_t at = (tile.first + row) * shape.queryHeads + head;
            logSumExp[i] = row < tile.count ? a.logSumExp[at] : 0.0F;
            rowDelta[i] = row < tile.count ? delta[at] : 0.0F;
            for (int j = 0; j < Work::kQuads; ++j)
                sum[i][j] = Float4 { 0, 0, 0, 0 };
        }
        forEachKeyTile<Work::kColumns>(tile, [&](std::int32_t first, std::int32_t end) {
            block.sync();
            Work::bring(block, a.value, shape.keyValueHeads, keyHead, shape.headDim, first, end - first, Work::kColumns, 1.0F, keyOrValue);
            block.sync();
            float gradProbability[Rows][Columns];
            Work::multiply(x, y, gradOutput, keyOrValue, gradProbability);
            block.sync();
            Work::bring(block, a.key, shape.keyValueHeads, keyHead, shape.headDim, first, end - first, Work::kColumns, 1.0F, keyOrValue);
            block.sync();
            float score[Rows][Columns];
            Work::multiply(x, y, query, keyOrValue, score);
            for (int i = 0; i < Rows; ++i)
                for (int j = 0; j < Columns; ++j) {
                    const int row = y + kTileY * i;
                    const std::int32_t key = first + x + kTileX * j;
                    const bool isSeen = row < tile.count && key < end && key <= tile.first + row;
                    gradScore[row * Work::kScorePitch + x + kTileX * j]
                        = isSeen ? expf(score[i][j] - logSumExp[i]) * (gradProbability[i][j] - rowDelta[i]) : 0.0F;
                }
            block.sync();
            Work::accumulate(x, y, gradScore, keyOrValue, sum);
        });
        MIDPOINT_UNROLL
        for (int i = 0; i < Rows; ++i) {
            const int row = y + kTileY * i;
            if (row < tile.count)
                Work::store(x, shape.headDim, sum[i], shape.scale,
                    static_cast<T*>(a.gradQuery) + ((tile.first + row) * shape.queryHeads + head) * shape.headDim);
        }
    }
};

// gradValue_j = sum_t p_t gradOutput_t and gradKey_j = scale * sum_t p_t (gradOutput_t . value_j - delta_t) query_t over all queries
// that see key j, and over all query heads that share it.
template <typename T, int Dim, int Rows, int Columns>
struct PackedGradKeyBody {
    using Work = TileWork<T, Dim, Rows, Columns>;
    static constexpr int kThreads = kTileThreads;
    PackedTileShape shape;
    PackedAttentionBackward a;
    const float* delta;

    std::int64_t sharedBytes() const
    {
        return 4 * (Work::kRows * (2 * Work::kPitch + Work::kScorePitch) + Work::kColumns * Work::kPitch);
    }

    struct Tiles {
        float* key;
        float* value;
        float* query; // or gradOutput
        float* factor;
    };

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const KeyTile tile = shape.keyTiles[block.x()];
        const std::int64_t keyHead = block.y();
        const std::int64_t share = shape.queryHeads / shape.keyValueHeads;
        const int x = block.thread() % kTileX;
        const int y = block.thread() / kTileX;
        Tiles tiles;
        tiles.key = block.template shared<float>();
        tiles.value = tiles.key + Work::kRows * Work::kPitch;
        tiles.query = tiles.value + Work::kRows * Work::kPitch;
        tiles.factor = tiles.query + Work::kColumns * Work::kPitch;
        Work::bring(block, a.key, shape.keyValueHeads, keyHead, shape.headDim, tile.first, tile.count, Work::kRows, 1.0F, tiles.key);
        Work::bring(block, a.value, shape.keyValueHeads, keyHead, shape.headDim, tile.first, tile.count, Work::kRows, 1.0F, tiles.value);
        Float4 gradKey[Rows][Work::kQuads];
        Float4 gradValue[Rows][Work::kQuads];
        MIDPOINT_UNROLL
        for (int i = 0; i < Rows; ++i)
            MIDPOINT_UNROLL
            for (int j = 0; j < Work::kQuads; ++j)
                gradKey[i][j] = gradValue[i][j] = Float4 { 0, 0, 0, 0 };
        for (std::int64_t head = keyHead * share; head < (keyHead + 1) * share; ++head)
            for (std::int32_t first = tile.first; first < tile.queryEnd; first += Work::kColumns)
                addQueries(block, tile, tiles, head, first, gradKey, gradValue);
        MIDPOINT_UNROLL
        for (int i = 0; i < Rows; ++i) {
            const int row = y + kTileY * i;
            const std::int64_t at = ((tile.first + row) * shape.keyValueHeads + keyHead) * shape.headDim;
            if (row >= tile.count)
                continue;
            Work::store(x, shape.headDim, gradKey[i], 1.0F, static_cast<T*>(a.gradKey) + at);
            Work::store(x, shape.headDim, gradValue[i], 1.0F, static_cast<T*>(a.gradValue) + at);
        }
    }

private:
    template <typename Block>
    MIDPOINT_DEVICE void addQueries(Block& block, const KeyTile& tile, const Tiles& tiles, std::int64_t head, std::int32_t first,
        Float4 (&gradKey)[Rows][Work::kQuads], Float4 (&gradValue)[Rows][Work::kQuads]) const
    {
        const int x = block.thread() % kTileX;
        const int y = block.thread() / kTileX;
        const auto bringColumns = [&](const void* array, float factor) {
            block.sync(); // all are done with the tile before
            Work::bring(block, array, shape.queryHeads, head, shape.headDim, first, tile.queryEnd - first, Work::kColumns, factor, tiles.query);
            block.sync();
        };
        bringColumns(a.query, shape.scale);
        float probability[Rows][Columns];
        Work::multiply(x, y, tiles.key, tiles.query, probability);
        float columnDelta[Columns];
        for (int j = 0; j < Columns; ++j) {
            const std::int32_t token = first + x + kTileX * j;
            const std::int64_t at = token * shape.queryHeads + head;
            const float logSumExp = token < tile.queryEnd ? a.logSumExp[at] : 0.0F;
            columnDelta[j] = token < tile.queryEnd ? delta[at] : 0.0F;
            for (int i = 0; i < Rows; ++i) {
                const bool isSeen = token < tile.queryEnd && token >= tile.first + y + kTileY * i;
                probability[i][j] = isSeen ? expf(probability[i][j] - logSumExp) : 0.0F;
                tiles.factor[(y + kTileY * i) * Work::kScorePitch + x + kTileX * j] = probability[i][j];
            }
        }
        bringColumns(a.gradOutput, 1.0F);
        Work::accumulate(x, y, tiles.factor, tiles.query, gradValue);
        float gradProbability[Rows][Columns];
        Work::multiply(x, y, tiles.value, tiles.query, gradProbability);
        block.sync(); // the factors have been read
        for (int i = 0; i < Rows; ++i)
            for (int j = 0; j < Columns; ++j)
                tiles.factor[(y + kTileY * i) * Work::kScorePitch + x + kTileX * j]
                    = probability[i][j] * (gradProbability[i][j] - columnDelta[j]);
        bringColumns(a.query, shape.scale);
        Work::accumulate(x, y, tiles.factor, tiles.query, gradKey);
    }
};

namespace detail {

// Calls run.operator()<T, Dim, Rows, Columns>() for the element type and the smallest Dim that holds a head.
template <typename Run>
void withTiles(const PackedTileShape& shape, const Run& run)
{
    withElement(shape.type, [&]<typename T>(T*) {
        if (shape.headDim <= 64)
            run.template operator()<T, 64, 4, 4>();
        else if (shape.headDim <= 128)
            run.template operator()<T, 128, 4, 4>();
        else
            run.template operator()<T, 256, 2, 2>();
    });
}

} // namespace detail

template <typename Launch>
void launchPackedAttentionForward(const Launch& launch, const PackedTileShape& shape, const PackedAttentionForward& arguments)
{
    detail::withTiles(shape, [&]<typename T, int Dim, int Rows, int Columns>() {
        launch(Grid { shape.queryTileCount, shape.queryHeads }, PackedForwardBody<T, Dim, Rows, Columns> { shape, arguments });
    });
}

template <typename Launch>
void launchPackedAttentionBackward(
    const Launch& launch, const PackedTileShape& shape, const PackedAttentionBackward& arguments, void* workspace)
{
    auto* delta = static_cast<float*>(workspace);
    const std::int64_t rows = shape.tokens * shape.queryHeads;
    withElement(shape.type, [&]<typename T>(T*) {
        using Delta = PackedDeltaBody<T>;
        launch(Grid { ceilDivide(rows, Delta::kThreads / kWarp) },
            Delta { rows, shape.headDim, static_cast<const T*>(arguments.gradOutput), static_cast<const T*>(arguments.output), delta });
    });
    detail::withTiles(shape, [&]<typename T, int Dim, int Rows, int Columns>() {
        launch(Grid { shape.queryTileCount, shape.queryHeads }, PackedGradQueryBody<T, Dim, Rows, Columns> { shape, arguments, delta });
        launch(Grid { shape.keyTileCount, shape.keyValueHeads }, PackedGradKeyBody<T, Dim, Rows, Columns> { shape, arguments, delta });
    });
}

} // namespace midpoint::kernels::cuda
