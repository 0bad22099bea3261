// All tokens of a group are brought into scratch memory as float32, keys and values also transposed, and blocks of queries are
// then matched with the prompt and with their own segment by small matrix products.
#include "kernels/packed_attention_cpu.h"

#include "kernels/small_product.h"

namespace midpoint::kernels::MIDPOINT_ISA {
namespace {

constexpr std::int64_t kQueryBlock = 16;

struct Range {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    std::int64_t size() const { return end - begin; }
};

// Where things of one unit lie in the scratch memory. Rows of tokens have the padded width `dim`, transposed matrices the
// padded width `width`; the padding of `dim` is zero.
struct Workspace {
    std::int64_t tokens = 0;
    std::int64_t dim = 0;
    std::int64_t width = 0;
    float* keyColumns = nullptr;   // [dim, width]
    float* value = nullptr;        // [tokens, dim]
    float* key = nullptr;          // [tokens, dim]            (backward only from here)
    float* valueColumns = nullptr; // [dim, width]
    float* gradKey = nullptr;      // [tokens, dim]
    float* gradValue = nullptr;    // [tokens, dim]
    float* query = nullptr;        // [kQueryBlock, dim]
    float* output = nullptr;       // [kQueryBlock, dim]: output, or its gradient
    float* gradQuery = nullptr;    // [kQueryBlock, dim]
    float* score = nullptr;        // [kQueryBlock, scoreWidth]
    float* gradScore = nullptr;    // [kQueryBlock, scoreWidth]
    std::int64_t scoreWidth = 0;
};

std::int64_t widthOf(std::int64_t tokens) { return roundUp(tokens, kLanes) + kLanes; }

Workspace layOut(const PackedAttentionShape& shape, std::int64_t tokens, float* scratch)
{
    Workspace w;
    w.tokens = tokens;
    w.dim = roundUp(shape.headDim, kLanes);
    w.width = widthOf(tokens);
    w.scoreWidth = w.width + kLanes; // two ranges, each padded
    float* next = scratch;
    const auto take = [&next](std::int64_t count) {
        float* here = next;
        next += count;
        return here;
    };
    w.keyColumns = take(w.dim * w.width);
    w.value = take(tokens * w.dim);
    w.key = take(tokens * w.dim);
    w.valueColumns = take(w.dim * w.width);
    w.gradKey = take(tokens * w.dim);
    w.gradValue = take(tokens * w.dim);
    w.query = take(kQueryBlock * w.dim);
    w.output = take(kQueryBlock * w.dim);
    w.gradQuery = take(kQueryBlock * w.dim);
    w.score = take(kQueryBlock * w.scoreWidth);
    w.gradScore = take(kQueryBlock * w.scoreWidth);
    return w;
}

void clear(float* to, std::int64_t count) { __builtin_memset(to, 0, static_cast<std::size_t>(count) * sizeof(float)); }

// rows x headDim elements of memory, rows `stride` apart, to float32 rows of width dim, times `factor`.
template <typename T>
void bringRows(const T* from, std::int64_t stride, std::int64_t rows, std::int64_t headDim, float factor, float* to, std::int64_t dim)
{
    for (std::int64_t r = 0; r < rows; ++r, from += stride, to += dim) {
        std::int64_t d = 0;
        for (; d + kLanes <= headDim; d += kLanes)
            store(to + d, load(from + d) * factor);
        for (; d < headDim; ++d)
            to[d] = toFloat(from[d]) * factor;
        for (; d < dim; ++d)
            to[d] = 0.0F;
    }
}

template <typename T>
void storeRows(const float* from, std::int64_t dim, std::int64_t rows, std::int64_t headDim, T* to, std::int64_t stride)
{
    for (std::int64_t r = 0; r < rows; ++r, from += dim, to += stride) {
        std::int64_t d = 0;
        for (; d + kLanes <= headDim; d += kLanes)
            store(to + d, load(from + d));
        for (; d < headDim; ++d)
            convert(from[d], to[d]);
    }
}

void transpose(const float* from, std::int64_t rows, std::int64_t dim, float* to, std::int64_t width)
{
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t d = 0; d < dim; ++d)
            to[d * width + r] = from[r * dim + d];
    for (std::int64_t d = 0; d < dim; ++d)
        for (std::int64_t r = rows; r < width; ++r)
            to[d * width + r] = 0.0F;
}

// A block of queries of one head: tokens [first, first + count) of the group, the prompt (empty for a prompt's own queries) and
// the part of their own segment that the last of them sees. Scores of the prompt come first, then, at `ownColumn`, their own.
struct QueryBlock {
    std::int64_t first = 0;
    std::int64_t count = 0;
    Range prompt;
    Range own;
    std::int64_t ownColumn() const { return roundUp(prompt.size(), kLanes); }
    std::int64_t columns() const { return ownColumn() + roundUp(own.size(), kLanes); }
    std::int64_t ownSeenBy(std::int64_t row) const { return first + row - own.begin + 1; }
};

// score = left . columns^T for both ranges.
void matchKeys(const Workspace& w, const QueryBlock& block, const float* left, const float* columns, float* score)
{
    SmallProduct product { left, w.dim, 1, nullptr, w.width, nullptr, w.scoreWidth, w.dim, false };
    const Range ranges[2] = { block.prompt, block.own };
    const std::int64_t offsets[2] = { 0, block.ownColumn() };
    for (int i = 0; i < 2; ++i) {
        product.b = columns + ranges[i].begin;
        product.c = score + offsets[i];
        smallProduct(product, block.count, roundUp(ranges[i].size(), kLanes));
    }
}

// Sets everything that a row does not see to `value`.
void maskUnseen(const Workspace& w, const QueryBlock& block, float* score, float value)
{
    for (std::int64_t r = 0; r < block.count; ++r) {
        float* row = score + r * w.scoreWidth;
        for (std::int64_t c = block.prompt.size(); c < block.ownColumn(); ++c)
            row[c] = value;
        for (std::int64_t c = block.ownColumn() + block.ownSeenBy(r); c < block.columns(); ++c)
            row[c] = value;
    }
}

// Scores to probabilities before division; returns log sum exp and the factor 1 / sum.
struct RowSum {
    float logSumExp = 0;
    float inverse = 0;
};
RowSum softmaxRow(float* row, std::int64_t columns)
{
    Floats largest = splat(-__builtin_inff());
    for (std::int64_t c = 0; c < columns; c += kLanes)
        largest = maximum(largest, load(row + c));
    const float top = maxLanes(largest);
    Floats sum {};
    for (std::int64_t c = 0; c < columns; c += kLanes) {
        const Floats e = exponential(load(row + c) - top);
        store(row + c, e);
        sum += e;
    }
    const float total = sumLanes(sum);
    return { top + __builtin_logf(total), 1.0F / total };
}

// to (+)= score . values for both ranges.
void mixValues(const Workspace& w, const QueryBlock& block, const float* score, const float* values, float* to)
{
    SmallProduct product { score, w.scoreWidth, 1, values + block.prompt.begin * w.dim, w.dim, to, w.dim, block.prompt.size(), false };
    smallProduct(product, block.count, w.dim);
    product.a = score + block.ownColumn();
    product.b = values + block.own.begin * w.dim;
    product.depth = block.own.size();
    product.accumulate = true;
    smallProduct(product, block.count, w.dim);
}

// to[key token] += sum over the block's rows of score[row, key token] * rows[row].
void spread(const Workspace& w, const QueryBlock& block, const float* score, const float* rows, float* to)
{
    SmallProduct product { score, 1, w.scoreWidth, rows, w.dim, to + block.prompt.begin * w.dim, w.dim, block.count, true };
    smallProduct(product, block.prompt.size(), w.dim);
    product.a = score + block.ownColumn();
    product.c = to + block.own.begin * w.dim;
    smallProduct(product, block.own.size(), w.dim);
}

// Calls body(head, block) for all queries of the unit, in a fixed order.
template <typename Body>
void forEachBlock(const PackedAttentionShape& shape, PackedAttentionUnit unit, const Body& body)
{
    const std::int64_t heads = shape.queryHeads / shape.keyValueHeads;
    const std::int64_t* segments = shape.segmentOffsets.data();
    const std::int64_t firstSegment = shape.groupOffsets.data()[unit.group];
    const std::int64_t endSegment = shape.groupOffsets.data()[unit.group + 1];
    const std::int64_t origin = segments[firstSegment];
    for (std::int64_t s = firstSegment; s < endSegment; ++s) {
        const Range segment { segments[s] - origin, segments[s + 1] - origin };
        const Range prompt { 0, s == firstSegment ? 0 : segments[firstSegment + 1] - origin };
        for (std::int64_t h = 0; h < heads; ++h)
            for (std::int64_t first = segment.begin; first < segment.end; first += kQueryBlock) {
                const std::int64_t rest = segment.end - first;
                const std::int64_t count = rest < kQueryBlock ? rest : kQueryBlock;
                body(unit.keyValueHead * heads + h, QueryBlock { first, count, prompt, { segment.begin, first + count } });
            }
    }
}

struct UnitTokens {
    std::int64_t origin = 0;
    std::int64_t count = 0;
};
UnitTokens tokensOf(const PackedAttentionShape& shape, std::int64_t group)
{
    const std::int64_t* groups = shape.groupOffsets.data();
    const std::int64_t origin = shape.segmentOffsets.data()[groups[group]];
    return { origin, shape.segmentOffsets.data()[groups[group + 1]] - origin };
}

template <typename T>
void forwardUnit(const PackedAttentionShape& shape, const PackedAttentionForward& arguments, PackedAttentionUnit unit, float* scratch)
{
    const auto [origin, tokens] = tokensOf(shape, unit.group);
    const Workspace w = layOut(shape, tokens, scratch);
    const std::int64_t keyStride = shape.keyValueHeads * shape.headDim;
    const std::int64_t queryStride = shape.queryHeads * shape.headDim;
    const std::int64_t keyOffset = origin * keyStride + unit.keyValueHead * shape.headDim;
    bringRows(static_cast<const T*>(arguments.key) + keyOffset, keyStride, tokens, shape.headDim, 1.0F, w.value, w.dim);
    transpose(w.value, tokens, w.dim, w.keyColumns, w.width);
    bringRows(static_cast<const T*>(arguments.value) + keyOffset, keyStride, tokens, shape.headDim, 1.0F, w.value, w.dim);

    forEachBlock(shape, unit, [&](std::int64_t head, const QueryBlock& block) {
        const std::int64_t token = origin + block.first;
        const std::int64_t offset = token * queryStride + head * shape.headDim;
        bringRows(static_cast<const T*>(arguments.query) + offset, queryStride, block.count, shape.headDim, shape.scale, w.query, w.dim);
        matchKeys(w, block, w.query, w.keyColumns, w.score);
        maskUnseen(w, block, w.score, -__builtin_inff());
        float inverse[kQueryBlock];
        for (std::int64_t r = 0; r < block.count; ++r) {
            const RowSum sum = softmaxRow(w.score + r * w.scoreWidth, block.columns());
            arguments.logSumExp[(token + r) * shape.queryHeads + head] = sum.logSumExp;
            inverse[r] = sum.inverse;
        }
        mixValues(w, block, w.score, w.value, w.output);
        for (std::int64_t r = 0; r < block.count; ++r)
            for (std::int64_t d = 0; d < w.dim; d += kLanes)
                store(w.output + r * w.dim + d, load(w.output + r * w.dim + d) * inverse[r]);
        storeRows(w.output, w.dim, block.count, shape.headDim, static_cast<T*>(arguments.output) + offset, queryStride);
    });
}

// delta[r] = gradOutput[r] . output[r], by which the softmax's backward is P * (dP - delta).
template <typename T>
void rowDots(const Workspace& w, const T* output, std::int64_t stride, std::int64_t rows, std::int64_t headDim, float* delta)
{
    for (std::int64_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (std::int64_t d = 0; d < headDim; ++d)
            sum += static_cast<double>(toFloat(output[r * stride + d])) * static_cast<double>(w.output[r * w.dim + d]);
        delta[r] = static_cast<float>(sum);
    }
}

// score: q.k -> P = exp(scale q.k - logSumExp); gradScore: dP -> scale * P * (dP - delta). Unseen columns become 0.
void softmaxBackward(const Workspace& w, const QueryBlock& block, float scale, const float* logSumExp, const float* delta)
{
    for (std::int64_t r = 0; r < block.count; ++r) {
        float* score = w.score + r * w.scoreWidth;
        float* gradScore = w.gradScore + r * w.scoreWidth;
        for (std::int64_t c = 0; c < block.columns(); c += kLanes) {
            const Floats p = exponential(load(score + c) - logSumExp[r]);
            store(score + c, p);
            store(gradScore + c, p * (load(gradScore + c) - delta[r]) * scale);
        }
    }
    maskUnseen(w, block, w.score, 0.0F);
    maskUnseen(w, block, w.gradScore, 0.0F);
}

template <typename T>
void backwardUnit(const PackedAttentionShape& shape, const PackedAttentionBackward& arguments, PackedAttentionUnit unit, float* scratch)
{
    const auto [origin, tokens] = tokensOf(shape, unit.group);
    const Workspace w = layOut(shape, tokens, scratch);
    const std::int64_t keyStride = shape.keyValueHeads * shape.headDim;
    const std::int64_t queryStride = shape.queryHeads * shape.headDim;
    const std::int64_t keyOffset = origin * keyStride + unit.keyValueHead * shape.headDim;
    bringRows(static_cast<const T*>(arguments.key) + keyOffset, keyStride, tokens, shape.headDim, 1.0F, w.key, w.dim);
    transpose(w.key, tokens, w.dim, w.keyColumns, w.width);
    bringRows(static_cast<const T*>(arguments.value) + keyOffset, keyStride, tokens, shape.headDim, 1.0F, w.value, w.dim);
    transpose(w.value, tokens, w.dim, w.valueColumns, w.width);
    clear(w.gradKey, tokens * w.dim);
    clear(w.gradValue, tokens * w.dim);

    forEachBlock(shape, unit, [&](std::int64_t head, const QueryBlock& block) {
        const std::int64_t token = origin + block.first;
        const std::int64_t offset = token * queryStride + head * shape.headDim;
        bringRows(static_cast<const T*>(arguments.gradOutput) + offset, queryStride, block.count, shape.headDim, 1.0F, w.output, w.dim);
        float delta[kQueryBlock];
        float logSumExp[kQueryBlock];
        rowDots(w, static_cast<const T*>(arguments.output) + offset, queryStride, block.count, shape.headDim, delta);
        for (std::int64_t r = 0; r < block.count; ++r)
            logSumExp[r] = arguments.logSumExp[(token + r) * shape.queryHeads + head];

        bringRows(static_cast<const T*>(arguments.query) + offset, queryStride, block.count, shape.headDim, shape.scale, w.query, w.dim);
        matchKeys(w, block, w.query, w.keyColumns, w.score);
        bringRows(static_cast<const T*>(arguments.query) + offset, queryStride, block.count, shape.headDim, 1.0F, w.query, w.dim);
        matchKeys(w, block, w.output, w.valueColumns, w.gradScore);
        softmaxBackward(w, block, shape.scale, logSumExp, delta);

        mixValues(w, block, w.gradScore, w.key, w.gradQuery);
        storeRows(w.gradQuery, w.dim, block.count, shape.headDim, static_cast<T*>(arguments.gradQuery) + offset, queryStride);
        spread(w, block, w.gradScore, w.query, w.gradKey);
        spread(w, block, w.score, w.output, w.gradValue);
    });
    storeRows(w.gradKey, w.dim, tokens, shape.headDim, static_cast<T*>(arguments.gradKey) + keyOffset, keyStride);
    storeRows(w.gradValue, w.dim, tokens, shape.headDim, static_cast<T*>(arguments.gradValue) + keyOffset, keyStride);
}

} // namespace

std::int64_t packedAttentionScratch(const PackedAttentionShape& shape, std::int64_t tokens)
{
    const std::int64_t dim = roundUp(shape.headDim, kLanes);
    const std::int64_t width = widthOf(tokens);
    return 2 * dim * width + 4 * tokens * dim + 3 * kQueryBlock * dim + 2 * kQueryBlock * (width + kLanes);
}

void packedAttentionForwardUnit(
    const PackedAttentionShape& shape, const PackedAttentionForward& arguments, PackedAttentionUnit unit, float* scratch)
{
    withElement(shape.type, [&]<typename Element>(Element*) { forwardUnit<Element>(shape, arguments, unit, scratch); });
}

void packedAttentionBackwardUnit(
    const PackedAttentionShape& shape, const PackedAttentionBackward& arguments, PackedAttentionUnit unit, float* scratch)
{
    withElement(shape.type, [&]<typename Element>(Element*) { backwardUnit<Element>(shape, arguments, unit, scratch); });
}

} // namespace midpoint::kernels::MIDPOINT_ISA
