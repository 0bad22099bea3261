#include "backend/model/scoring.h"

#include "backend/core/error.h"
#include "backend/model/operations.h"
#include "kernels/token_logprob.h"

#include <algorithm>

namespace midpoint::model {
namespace {

// Logits of one chunk: large enough for efficient products, small enough to stay near the caches.
constexpr std::int64_t kChunkBytes = std::int64_t { 16 } << 20;
constexpr std::int64_t kMinChunkRows = 64;

torch::Tensor indexTensor(const std::vector<std::int64_t>& values, std::int64_t begin, std::int64_t count)
{
    return torch::from_blob(const_cast<std::int64_t*>(values.data() + begin), { count }, torch::kInt64);
}

kernels::TokenLogprobShape logprobShape(const torch::Tensor& logits, double temperature)
{
    const kernels::ElementType type = logits.scalar_type() == torch::kFloat32 ? kernels::ElementType::Float32
        : logits.scalar_type() == torch::kBFloat16                            ? kernels::ElementType::BFloat16
                                                                              : kernels::ElementType::Float16;
    return { .rows = logits.size(0), .vocabulary = logits.size(1), .temperature = temperature, .type = type };
}

template <typename Chunk>
void forEachChunk(const ScoringInput& input, const Chunk& chunk)
{
    const auto total = static_cast<std::int64_t>(input.targets.size());
    const std::int64_t rows = scoringChunkRows(input.head.size(0), input.head.element_size());
    for (std::int64_t begin = 0; begin < total; begin += rows)
        chunk(begin, std::min(rows, total - begin));
}

float* dataOrNull(const torch::Tensor& tensor, std::int64_t begin)
{
    return tensor.defined() ? tensor.data_ptr<float>() + begin : nullptr;
}

} // namespace

std::int64_t scoringChunkRows(std::int64_t vocabulary, std::int64_t elementBytes)
{
    return std::max(kMinChunkRows, kChunkBytes / (vocabulary * elementBytes));
}

Scored scoreTokens(const ScoringInput& input)
{
    const auto total = static_cast<std::int64_t>(input.targets.size());
    Scored out;
    out.scores.logprobs = torch::empty({ total }, torch::kFloat32);
    out.logSumExp = torch::empty({ total }, torch::kFloat32);
    if (input.options.entropy != Entropy::No)
        out.scores.entropy = torch::empty({ total }, torch::kFloat32);
    forEachChunk(input, [&](std::int64_t begin, std::int64_t count) {
        const torch::Tensor rows = input.hidden.index_select(0, indexTensor(input.scoredTokens, begin, count));
        const torch::Tensor logits = affine(rows, input.head);
        kernels::tokenLogprobForward(logprobShape(logits, input.options.temperature),
            { .logits = logits.const_data_ptr(), .ids = input.targets.data() + begin,
                .logprob = dataOrNull(out.scores.logprobs, begin), .entropy = dataOrNull(out.scores.entropy, begin),
                .logSumExp = dataOrNull(out.logSumExp, begin) });
    });
    return out;
}

torch::Tensor scoreTokensBackward(const ScoringInput& input, const Scored& scored, const torch::Tensor& gradLogprobs,
    const torch::Tensor& gradEntropy, torch::Tensor& gradHead)
{
    MIDPOINT_ASSERT(!gradEntropy.defined() || scored.scores.entropy.defined(), "its gradient needs the entropy");
    torch::Tensor gradHidden = torch::zeros_like(input.hidden);
    torch::Tensor noBias;
    forEachChunk(input, [&](std::int64_t begin, std::int64_t count) {
        const torch::Tensor index = indexTensor(input.scoredTokens, begin, count);
        const torch::Tensor rows = input.hidden.index_select(0, index);
        const torch::Tensor logits = affine(rows, input.head);
        kernels::tokenLogprobBackward(logprobShape(logits, input.options.temperature),
            { .logits = logits.const_data_ptr(), .ids = input.targets.data() + begin,
                .logSumExp = dataOrNull(scored.logSumExp, begin), .entropy = dataOrNull(scored.scores.entropy, begin),
                .gradLogprob = dataOrNull(gradLogprobs, begin), .gradEntropy = dataOrNull(gradEntropy, begin),
                .gradLogits = logits.data_ptr() });
        addAffineGradient(rows, logits, gradHead, noBias);
        gradHidden.index_add_(0, index, affineInputGradient(logits, input.head)); // rows of a group share their prompt's last token
    });
    return gradHidden;
}

} // namespace midpoint::model
