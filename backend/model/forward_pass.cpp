// Model's passes over a packed batch: the layers in order, the scores at the end, and the way back.
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/model/model_state.h"

#include <algorithm>

namespace midpoint::model {
namespace {

void checkBatch(const ModelConfig& config, const PackedBatch& batch)
{
    MIDPOINT_ASSERT(batch.tokenCount() > 0, "an empty batch has nothing to compute");
    for (const std::vector<std::int64_t>* ids : { &batch.tokens, &batch.targets })
        for (const std::int64_t id : *ids)
            if (id < 0 || id >= config.vocabularySize)
                throw Error(ErrorKind::Model,
                    concat("token id ", id, " is outside of the model's vocabulary of ", config.vocabularySize));
    const std::int64_t last = *std::max_element(batch.positions.begin(), batch.positions.end());
    if (last >= config.maxPositions)
        throw Error(ErrorKind::Model, concat("a sequence of ", last + 1,
            " tokens is longer than the model's max_position_embeddings = ", config.maxPositions));
}

} // namespace

ForwardPass::ForwardPass()
    : m_saved(std::make_unique<Saved>())
{
}
ForwardPass::~ForwardPass() = default;
const TokenScores& ForwardPass::scores() const { return m_saved->scored.scores; }

BatchTensors Model::tensorsOf(const PackedBatch& batch) const
{
    return { m_state->options.device, batch, m_state->config.headDimension, m_state->attention.get() };
}

torch::Tensor Model::hiddenStates(const PackedBatch& batch) const
{
    checkBatch(m_state->config, batch);
    return hiddenStates(tensorsOf(batch));
}

torch::Tensor Model::hiddenStates(const BatchTensors& tensors) const
{
    const torch::NoGradGuard noGradient;
    const Weights& weights = m_state->weights;
    const LayerContext context { m_state->config, tensors, rotaryTable() };
    torch::Tensor x = weights.embedding.index_select(0, tensors.tokens);
    for (const LayerWeights& layer : weights.layers)
        x = layerForward(context, layer, x, nullptr);
    return rmsNorm(tensors.device, x, weights.finalNorm, m_state->config.rmsNormEpsilon).y;
}

torch::Tensor Model::logits(const torch::Tensor& hidden) const
{
    return affine(hidden, m_state->weights.head).to(torch::kFloat32);
}

torch::Tensor Model::meanHidden(std::span<const std::vector<std::int32_t>> sequences, std::int64_t tokensPerBatch) const
{
    return meanAndLastHidden(sequences, tokensPerBatch).narrow(1, 0, m_state->config.hiddenSize).contiguous();
}

torch::Tensor Model::meanAndLastHidden(
    std::span<const std::vector<std::int32_t>> sequences, std::int64_t tokensPerBatch) const
{
    const std::int64_t hiddenSize = m_state->config.hiddenSize;
    torch::Tensor out = torch::empty({ static_cast<std::int64_t>(sequences.size()), 2 * hiddenSize },
        torch::TensorOptions(torch::kFloat32).device(m_state->options.device.place()));
    std::size_t next = 0;
    while (next < sequences.size()) {
        const std::size_t first = next;
        PackedBatch batch;
        do {
            MIDPOINT_ASSERT(!sequences[next].empty(), "an empty sequence has no hidden state");
            batch.addSequence(sequences[next]);
            ++next;
        } while (next < sequences.size()
            && batch.tokenCount() + static_cast<std::int64_t>(sequences[next].size()) <= tokensPerBatch);
        const torch::Tensor hidden = hiddenStates(batch).to(torch::kFloat32);
        for (std::size_t i = first; i < next; ++i) {
            const std::int64_t begin = batch.segmentOffsets[i - first];
            const std::int64_t end = batch.segmentOffsets[i - first + 1];
            torch::Tensor row = out[static_cast<std::int64_t>(i)];
            row.narrow(0, 0, hiddenSize).copy_(hidden.slice(0, begin, end).mean(0));
            row.narrow(0, hiddenSize, hiddenSize).copy_(hidden[end - 1]);
        }
    }
    return out.cpu();
}

TokenScores Model::score(const PackedBatch& batch, const ScoreOptions& options) const
{
    checkBatch(m_state->config, batch);
    const BatchTensors tensors = tensorsOf(batch);
    return scoreTokens({ hiddenStates(tensors), m_state->weights.head, tensors, options }).scores;
}

std::unique_ptr<ForwardPass> Model::forward(const PackedBatch& batch, const ScoreOptions& options) const
{
    checkBatch(m_state->config, batch);
    const torch::NoGradGuard noGradient;
    auto pass = std::make_unique<ForwardPass>();
    ForwardPass::Saved& saved = *pass->m_saved;
    saved.batch = batch;
    saved.options = options;
    saved.tensors.reset(new BatchTensors(tensorsOf(saved.batch)));
    const compute::Device& device = m_state->options.device;
    const Weights& weights = m_state->weights;
    const LayerContext context { m_state->config, *saved.tensors, rotaryTable() };
    saved.layers.resize(weights.layers.size());
    torch::Tensor x = weights.embedding.index_select(0, saved.tensors->tokens);
    for (std::size_t i = 0; i < weights.layers.size(); ++i) {
        const bool isKept = !m_state->options.activationCheckpointing;
        saved.layers[i].x = x;
        x = layerForward(context, weights.layers[i], x, isKept ? &saved.layers[i] : nullptr);
    }
    const Normalised last = rmsNorm(device, x, weights.finalNorm, m_state->config.rmsNormEpsilon);
    saved.last = x;
    saved.hidden = last.y;
    saved.finalInverse = last.inverse;
    saved.scored = scoreTokens({ saved.hidden, weights.head, *saved.tensors, options });
    return pass;
}

void Model::backward(std::unique_ptr<ForwardPass> pass, const torch::Tensor& gradLogprobs, const torch::Tensor& gradEntropy,
    const std::function<void(std::int64_t layer)>& completed)
{
    m_state->ensureGradients();
    const torch::NoGradGuard noGradient;
    ForwardPass::Saved& saved = *pass->m_saved;
    const Weights& weights = m_state->weights;
    Weights& gradients = m_state->gradients;
    const compute::Device& device = m_state->options.device;
    const LayerContext context { m_state->config, *saved.tensors, rotaryTable() };
    const auto asNumbers = [&](const torch::Tensor& given) {
        return given.defined() ? given.to(device.place(), torch::kFloat32).contiguous() : torch::Tensor();
    };

    torch::Tensor gradient = scoreTokensBackward({ saved.hidden, weights.head, *saved.tensors, saved.options }, saved.scored,
        asNumbers(gradLogprobs), asNumbers(gradEntropy), gradients.head);
    gradient = rmsNormBackward(device, saved.last, weights.finalNorm, saved.finalInverse, gradient, gradients.finalNorm);
    if (completed)
        completed(static_cast<std::int64_t>(weights.layers.size()));
    for (std::size_t i = weights.layers.size(); i-- > 0;) {
        LayerActivations activations = std::move(saved.layers[i]); // freed when its layer is done
        if (m_state->options.activationCheckpointing)
            layerForward(context, weights.layers[i], torch::Tensor(activations.x), &activations);
        gradient = layerBackward(context, weights.layers[i], activations, gradient, gradients.layers[i]);
        if (completed)
            completed(static_cast<std::int64_t>(i));
    }
    addRows(device, gradients.embedding, saved.tensors->tokens, gradient.to(torch::kFloat32));
    if (completed)
        completed(kEmbeddingLayer);
}

} // namespace midpoint::model
