// The operations of kernels/ on device memory: as their twins on the CPU, with pointers into a device's memory and a stream on which
// the work is queued. Nothing here waits for the device. No CUDA headers: libmidpoint_cuda is opened at run time (module.h).
//
// Shapes are checked as on the CPU. What lies in device memory cannot be looked at without waiting for it, so bad contents show in
// the results: a token id or position outside its range gives NaN, a row of logits that is not finite gives token -1.
#pragma once

#include "backend/core/philox.h"
#include "kernels/decode_rows.h"
#include "kernels/packed_attention.h"
#include "kernels/packed_linear.h"
#include "kernels/paged_attention.h"
#include "kernels/rms_norm.h"
#include "kernels/rotary.h"
#include "kernels/sample.h"
#include "kernels/swiglu.h"
#include "kernels/token_logprob.h"

#include <algorithm>
#include <cstdint>

namespace midpoint::kernels::cuda {

// A cudaStream_t; null is the default stream.
using Stream = void*;

// Partial sums of the weight's gradient.
constexpr std::int64_t kRmsNormChunks = 64;
inline std::int64_t rmsNormBackwardWorkspace(const RmsNormShape& shape)
{
    return kRmsNormChunks * shape.width * static_cast<std::int64_t>(sizeof(float));
}

// number[r] = Rng::uniformAt(position[r]) of the generator whose stream is stream[r]: draws without a way over the host.
struct UniformArguments {
    std::int64_t rows = 0;
    const PhiloxStream* stream = nullptr;    // [rows]
    const std::int64_t* position = nullptr;  // [rows]
    double* number = nullptr;                // [rows]
};

// Sampling counts probability in integers (sample_device.h), which leaves room for so many tokens.
constexpr std::int64_t kLargestVocabulary = 1 << 19;

// Decoding cuts a sequence into pieces of this length, whatever the batch, so that a row's result does not depend on the others.
constexpr std::int64_t kPagedPiece = 256;
constexpr std::int64_t kLargestHeadDim = 256;
inline std::int64_t pagedAttentionWorkspace(
    const PagedCacheShape& shape, const PagedAttentionArguments& arguments, std::int64_t longest)
{
    const std::int64_t pieces = (longest + kPagedPiece - 1) / kPagedPiece;
    return pieces <= 1 ? 0
                       : pieces * arguments.rows * arguments.queryHeads * (shape.headDim + 2) * static_cast<std::int64_t>(sizeof(float));
}

// Packed attention works on tiles of queries and of keys. The host lists them once for each micro-batch (packed_tiles.h) and all
// layers use the list.
struct QueryTile { // queries of one segment and what they see
    std::int32_t first = 0;
    std::int32_t count = 0;
    std::int32_t promptBegin = 0; // all of these
    std::int32_t promptEnd = 0;
    std::int32_t ownBegin = 0;    // and from here to themselves
};
struct KeyTile { // keys of one segment; key j is seen by the tokens [j, queryEnd)
    std::int32_t first = 0;
    std::int32_t count = 0;
    std::int32_t queryEnd = 0;
};
constexpr std::int64_t packedTileRows(std::int64_t headDim) { return headDim <= 128 ? 64 : 32; }

struct PackedTileShape {
    const QueryTile* queryTiles = nullptr; // device memory
    std::int64_t queryTileCount = 0;
    const KeyTile* keyTiles = nullptr;     // device memory; for the backward pass
    std::int64_t keyTileCount = 0;
    std::int64_t tokens = 0;
    std::int64_t queryHeads = 0;
    std::int64_t keyValueHeads = 0;
    std::int64_t headDim = 0;
    float scale = 1.0F;
    ElementType type = ElementType::Float32;
};
inline std::int64_t packedAttentionBackwardWorkspace(const PackedTileShape& shape)
{
    return shape.tokens * shape.queryHeads * static_cast<std::int64_t>(sizeof(float));
}

// The weight as it is, [outputs, inputs]: devices need no packed order. For few rows, as in decoding small batches; a matrix
// product of many rows is the business of LibTorch's cuBLASLt.
struct LinearMatrix {
    const void* weight = nullptr;
    std::int64_t outputs = 0;
    std::int64_t inputs = 0;
    ElementType type = ElementType::Float32;
};

class Operations {
public:
    virtual ~Operations() = default;

    virtual void rmsNormForward(const RmsNormShape& shape, const RmsNormForward& arguments, Stream stream) = 0;
    virtual void rmsNormBackward(const RmsNormShape& shape, const RmsNormBackward& arguments, void* workspace, Stream stream) = 0;
    virtual void addRmsNorm(const RmsNormShape& shape, const AddRmsNorm& arguments, Stream stream) = 0;
    virtual void rotary(const RotaryTable& table, const RotaryArguments& arguments, Stream stream) = 0;
    virtual void swigluForward(const SwigluShape& shape, const SwigluForward& arguments, Stream stream) = 0;
    virtual void swigluBackward(const SwigluShape& shape, const SwigluBackward& arguments, Stream stream) = 0;

    virtual void tokenLogprobForward(const TokenLogprobShape& shape, const TokenLogprobForward& arguments, Stream stream) = 0;
    virtual void tokenLogprobBackward(const TokenLogprobShape& shape, const TokenLogprobBackward& arguments, Stream stream) = 0;
    virtual void uniformNumbers(const UniformArguments& arguments, Stream stream) = 0;
    virtual void sample(const SampleSettings& settings, const SampleArguments& arguments, Stream stream) = 0;

    virtual void decodeRows(const DecodeRowsArguments& arguments, Stream stream) = 0;
    virtual void pagedWrite(const PagedCacheShape& shape, const PagedWriteArguments& arguments, Stream stream) = 0;
    // No row sees more than `longest` tokens.
    virtual void pagedAttention(const PagedCacheShape& shape, const PagedAttentionArguments& arguments, std::int64_t longest,
        void* workspace, Stream stream) = 0;
    virtual void packedAttentionForward(const PackedTileShape& shape, const PackedAttentionForward& arguments, Stream stream) = 0;
    virtual void packedAttentionBackward(
        const PackedTileShape& shape, const PackedAttentionBackward& arguments, void* workspace, Stream stream) = 0;
    virtual void linear(const LinearMatrix& matrix, const PackedLinearArguments& arguments, Stream stream) = 0;
};

} // namespace midpoint::kernels::cuda
