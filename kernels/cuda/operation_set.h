// The interface of operations.h over the device forms: checks of shapes, then the launch. `MakeLaunch` turns a stream into what
// starts the bodies of kernels.
#pragma once

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "kernels/cuda/forms.h"

namespace midpoint::kernels::cuda {

template <typename MakeLaunch>
class OperationSet : public Operations {
public:
    explicit OperationSet(MakeLaunch makeLaunch = {})
        : m_launch(makeLaunch)
    {
    }

    void rmsNormForward(const RmsNormShape& shape, const RmsNormForward& arguments, Stream stream) override
    {
        check(shape);
        launchRmsNormForward(m_launch(stream), shape, arguments);
    }
    void rmsNormBackward(const RmsNormShape& shape, const RmsNormBackward& arguments, void* workspace, Stream stream) override
    {
        check(shape);
        launchRmsNormBackward(m_launch(stream), shape, arguments, workspace);
    }
    void addRmsNorm(const RmsNormShape& shape, const AddRmsNorm& arguments, Stream stream) override
    {
        check(shape);
        launchAddRmsNorm(m_launch(stream), shape, arguments);
    }
    void rotary(const RotaryTable& table, const RotaryArguments& arguments, Stream stream) override
    {
        expect(arguments.tokens >= 0 && arguments.heads >= 0 && arguments.headDim > 0 && arguments.headDim % 2 == 0
                && arguments.stride >= arguments.heads * arguments.headDim,
            "rotary", arguments.tokens, " tokens of ", arguments.heads, " heads of dimension ", arguments.headDim, ", stride ",
            arguments.stride);
        launchRotary(m_launch(stream), table, arguments);
    }
    void swigluForward(const SwigluShape& shape, const SwigluForward& arguments, Stream stream) override
    {
        check(shape);
        launchSwigluForward(m_launch(stream), shape, arguments);
    }
    void swigluBackward(const SwigluShape& shape, const SwigluBackward& arguments, Stream stream) override
    {
        check(shape);
        launchSwigluBackward(m_launch(stream), shape, arguments);
    }

    void tokenLogprobForward(const TokenLogprobShape& shape, const TokenLogprobForward& arguments, Stream stream) override
    {
        check(shape);
        launchTokenLogprobForward(m_launch(stream), shape, arguments);
    }
    void tokenLogprobBackward(const TokenLogprobShape& shape, const TokenLogprobBackward& arguments, Stream stream) override
    {
        check(shape);
        launchTokenLogprobBackward(m_launch(stream), shape, arguments);
    }
    void uniformNumbers(const UniformArguments& arguments, Stream stream) override
    {
        launchUniformNumbers(m_launch(stream), arguments);
    }
    void sample(const SampleSettings& settings, const SampleArguments& arguments, Stream stream) override
    {
        expect(settings.temperature >= 0 && settings.topK >= 0 && settings.topP > 0 && settings.topP <= 1, "sample", "temperature ",
            settings.temperature, ", top-k ", settings.topK, ", top-p ", settings.topP);
        expect(arguments.rows >= 0 && arguments.vocabulary > 0 && arguments.vocabulary <= kLargestVocabulary
                && (arguments.stride == 0 || arguments.stride >= arguments.vocabulary),
            "sample", arguments.rows, " rows of ", arguments.vocabulary, " logits, stride ", arguments.stride);
        launchSample(m_launch(stream), settings, arguments);
    }

    void decodeRows(const DecodeRowsArguments& arguments, Stream stream) override
    {
        expect(arguments.rows >= 0 && arguments.blockTokens > 0 && arguments.tableStride > 0, "rows of a decoding step", arguments.rows,
            " rows, blocks of ", arguments.blockTokens, " tokens, block tables of ", arguments.tableStride, " entries");
        launchDecodeRows(m_launch(stream), arguments);
    }
    void pagedWrite(const PagedCacheShape& shape, const PagedWriteArguments& arguments, Stream stream) override
    {
        check(shape);
        launchPagedWrite(m_launch(stream), shape, arguments);
    }
    void pagedAttention(const PagedCacheShape& shape, const PagedAttentionArguments& arguments, std::int64_t longest,
        void* workspace, Stream stream) override
    {
        check(shape);
        checkHeads("paged attention", arguments.queryHeads, shape.keyValueHeads, shape.headDim);
        expect(shape.headDim % 4 == 0 || shape.headDim <= 128, "paged attention", "a head of dimension ", shape.headDim,
            ", above 128 a multiple of 4 is expected");
        launchPagedAttention(m_launch(stream), shape, arguments, longest, workspace);
    }
    void packedAttentionForward(const PackedTileShape& shape, const PackedAttentionForward& arguments, Stream stream) override
    {
        checkHeads("packed attention", shape.queryHeads, shape.keyValueHeads, shape.headDim);
        launchPackedAttentionForward(m_launch(stream), shape, arguments);
    }
    void packedAttentionBackward(
        const PackedTileShape& shape, const PackedAttentionBackward& arguments, void* workspace, Stream stream) override
    {
        checkHeads("packed attention", shape.queryHeads, shape.keyValueHeads, shape.headDim);
        launchPackedAttentionBackward(m_launch(stream), shape, arguments, workspace);
    }
    void linear(const LinearMatrix& matrix, const PackedLinearArguments& arguments, Stream stream) override
    {
        expect(arguments.rows >= 0 && (arguments.yType == matrix.type || arguments.yType == ElementType::Float32), "linear",
            arguments.rows, " rows, or an output type that is not supported");
        launchLinear(m_launch(stream), matrix, arguments);
    }

private:
    template <typename... Parts>
    static void expect(bool isRight, const char* operation, const Parts&... found)
    {
        if (!isRight)
            throw Error(ErrorKind::Internal, concat(operation, " on a device: ", found...));
    }
    static void check(const RmsNormShape& shape)
    {
        expect(shape.rows >= 0 && shape.width > 0, "rms norm", shape.rows, " rows of width ", shape.width);
    }
    static void check(const SwigluShape& shape)
    {
        expect(shape.rows >= 0 && shape.width >= 0 && shape.inputStride >= shape.width, "swiglu", shape.rows, " rows of width ",
            shape.width, ", stride ", shape.inputStride);
    }
    static void check(const TokenLogprobShape& shape)
    {
        expect(shape.rows >= 0 && shape.vocabulary > 0 && shape.temperature > 0, "token log-prob", shape.rows, " rows of ",
            shape.vocabulary, " logits at temperature ", shape.temperature);
    }
    static void check(const PagedCacheShape& shape)
    {
        expect(shape.blockTokens > 0 && shape.blockTokens % kPagedBlockUnit == 0 && shape.keyValueHeads > 0 && shape.headDim > 0,
            "paged attention", "blocks of ", shape.blockTokens, " tokens (expected a multiple of ", kPagedBlockUnit, "), ",
            shape.keyValueHeads, " key-value heads of dimension ", shape.headDim);
    }
    static void checkHeads(const char* operation, std::int64_t queryHeads, std::int64_t keyValueHeads, std::int64_t headDim)
    {
        expect(queryHeads > 0 && keyValueHeads > 0 && queryHeads % keyValueHeads == 0 && headDim > 0 && headDim <= kLargestHeadDim,
            operation, queryHeads, " query heads and ", keyValueHeads, " key-value heads of dimension ", headDim, " (at most ",
            kLargestHeadDim, ")");
    }

    MakeLaunch m_launch;
};

} // namespace midpoint::kernels::cuda
