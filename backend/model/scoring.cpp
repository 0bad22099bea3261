#include "backend/model/scoring.h"

#include "backend/core/error.h"
#include "backend/model/operations.h"
#include "kernels/token_logprob.h"

#include <algorithm>

namespace midpoint::model {
namespace {

// Logits of one chunk: large enough for efficient products, small enough to stay near the caches of a processor. A device reads and
// writes the float32 gradient of the head once for each chunk, so its chunks are larger.
constexpr std::int64_t kChunkBytes = std::int64_t { 16 } << 20;
constexpr std::int64_t kDeviceChunkBytes = std::int64_t { 512 } << 20;
constexpr std::int64_t kMinChunkRows = 64;

kernels::TokenLogprobShape logprobShape(const torch::Tensor& logits, double temperature)
{
    return { .rows = logits.size(0), .vocabulary = logits.size(1), .temperature = temperature,
        .type = compute::elementType(logits.scalar_type()) };
}

template <typename Chunk>
void forEachChunk(const ScoringInput& input, const Chunk& chunk)
{
    const std::int64_t total = input.batch.targets.numel();
    const std::int64_t rows = scoringChunkRows(input.batch.device, input.head.size(0), input.head.element_size());
    for (std::int64_t begin = 0; begin < total; begin += rows)
        chunk(begin, std::min(rows, total - begin));
}

float* dataOrNull(const torch::Tensor& tensor, std::int64_t begin)
{
    return tensor.defined() ? tensor.data_ptr<float>() + begin : nullptr;
}

} // namespace

std::int64_t scoringChunkRows(const compute::Device& device, std::int64_t vocabulary, std::int64_t elementBytes)
{
    return std::max(kMinChunkRows, (device.isProcessor() ? kChunkBytes : kDeviceChunkBytes) / (vocabulary * elementBytes));
}

Scored scoreTokens(const ScoringInput& input)
{
    const compute::Device& device = input.batch.device;
    const torch::Tensor like = torch::empty({ input.batch.targets.numel() }, input.hidden.options().dtype(torch::kFloat32));
    Scored out;
    out.scores.logprobs = like;
    out.logSumExp = torch::empty_like(like);
    if (input.options.entropy != Entropy::No)
        out.scores.entropy = torch::empty_like(like);
    forEachChunk(input, [&](std::int64_t begin, std::int64_t count) {
        const torch::Tensor rows = input.hidden.index_select(0, input.batch.scoredTokens.narrow(0, begin, count));
        const torch::Tensor logits = affine(rows, input.head);
        const kernels::TokenLogprobShape shape = logprobShape(logits, input.options.temperature);
        const kernels::TokenLogprobForward arguments { .logits = logits.const_data_ptr(),
            .ids = input.batch.targets.const_data_ptr<std::int64_t>() + begin, .logprob = dataOrNull(out.scores.logprobs, begin),
            .entropy = dataOrNull(out.scores.entropy, begin), .logSumExp = dataOrNull(out.logSumExp, begin) };
        if (device.isProcessor())
            kernels::tokenLogprobForward(shape, arguments);
        else
            device.operations().tokenLogprobForward(shape, arguments, device.stream());
    });
    return out;
}

torch::Tensor scoreTokensBackward(const ScoringInput& input, const Scored& scored, const torch::Tensor& gradLogprobs,
    const torch::Tensor& gradEntropy, torch::Tensor& gradHead)
{
    MIDPOINT_ASSERT(!gradEntropy.defined() || scored.scores.entropy.defined(), "its gradient needs the entropy");
    const compute::Device& device = input.batch.device;
    torch::Tensor gradHidden = torch::zeros_like(input.hidden);
    torch::Tensor noBias;
    forEachChunk(input, [&](std::int64_t begin, std::int64_t count) {
        const torch::Tensor index = input.batch.scoredTokens.narrow(0, begin, count);
        const torch::Tensor rows = input.hidden.index_select(0, index);
        const torch::Tensor logits = affine(rows, input.head);
        const kernels::TokenLogprobShape shape = logprobShape(logits, input.options.temperature);
        const kernels::TokenLogprobBackward arguments { .logits = logits.const_data_ptr(),
            .ids = input.batch.targets.const_data_ptr<std::int64_t>() + begin, .logSumExp = dataOrNull(scored.logSumExp, begin),
            .entropy = dataOrNull(scored.scores.entropy, begin), .gradLogprob = dataOrNull(gradLogprobs, begin),
            .gradEntropy = dataOrNull(gradEntropy, begin), .gradLogits = logits.data_ptr() };
        if (device.isProcessor())
            kernels::tokenLogprobBackward(shape, arguments);
        else
            device.operations().tokenLogprobBackward(shape, arguments, device.stream());
        addAffineGradient(rows, logits, gradHead, noBias);
        addRows(device, gradHidden, index, affineInputGradient(logits, input.head)); // rows of a group share their prompt's last token
    });
    return gradHidden;
}

} // namespace midpoint::model
