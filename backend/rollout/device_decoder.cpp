#include "backend/rollout/device_decoder.h"

#include "backend/core/error.h"
#include "backend/model/layer.h"

#include <algorithm>
#include <cmath>

namespace midpoint::rollout {
namespace {

constexpr std::int64_t kMostLogits = 64 << 20; // computed at once: 256 MiB of float32

// y = x weight^T + bias, into an array that is there. The bias is added inside of the product, so it is rounded once.
void affineInto(torch::Tensor& y, const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias)
{
    if (bias.defined()) {
        y.copy_(bias.expand_as(y));
        y.addmm_(x, weight.t());
    } else {
        at::mm_out(y, x, weight.t());
    }
}

std::int64_t roundUpTo(std::int64_t value, std::int64_t unit) { return (value + unit - 1) / unit * unit; }

template <typename Item>
torch::Tensor bytesAt(const compute::Device& device, std::vector<Item>& items)
{
    const auto bytes = static_cast<std::int64_t>(items.size() * sizeof(Item));
    return torch::from_blob(items.data(), { bytes }, torch::kUInt8).to(device.place(), torch::kUInt8, false, true);
}

} // namespace

struct DeviceDecoder::Rows {
    std::int64_t count;
    const kernels::PagedRow* row;
    torch::Tensor hidden, normed, residual, qkv, query, key, attended, gateUp, gated;
};

DeviceDecoder::DeviceDecoder(const model::Model& model, std::int64_t blockTokens, std::int64_t mostRows)
    : m_model(model)
    , m_device(model.options().device)
    , m_type(compute::elementType(model.options().computeType))
    , m_cacheShape { roundUpTo(blockTokens, kernels::kPagedBlockUnit), model.config().kvHeadCount, model.config().headDimension, m_type }
    , m_mostRows(mostRows)
    , m_logitRows(std::clamp<std::int64_t>(kMostLogits / model.config().vocabularySize, 1, mostRows))
{
    const model::ModelConfig& config = model.config();
    const torch::ScalarType type = model.options().computeType;
    m_plan = array(sizeof(kernels::DecodeRowPlan), torch::kUInt8);
    m_row = array(sizeof(kernels::PagedRow), torch::kUInt8);
    m_token = array(1, torch::kInt64).flatten();
    m_position = array(1, torch::kInt64).flatten();
    m_uniform = array(1, torch::kFloat64).flatten();
    m_drawn = array(1, torch::kInt32).flatten();
    m_logprobs = array(1, torch::kFloat32).flatten();
    for (torch::Tensor* wide : { &m_hidden, &m_normed, &m_residual })
        *wide = array(config.hiddenSize, type);
    m_qkv = array(config.qkvRows(), type);
    m_attended = array(config.queryRows(), type);
    m_gateUp = array(2 * config.intermediateSize, type);
    m_gated = array(config.intermediateSize, type);
    if (config.hasQueryKeyNorm) {
        m_query = array(config.queryRows(), type);
        m_key = array(config.kvRows(), type);
    }
    m_logits = torch::empty({ m_logitRows, config.vocabularySize }, m_hidden.options());
    m_values = type == torch::kFloat32 ? m_logits : m_logits.to(torch::kFloat32);
    m_drawn.zero_();
    m_tables = torch::zeros({ mostRows + 1, 0 }, torch::TensorOptions(torch::kInt32).device(m_device.place()));
}

std::int64_t DeviceDecoder::arrayBytes(const model::Model& model, std::int64_t mostRows, std::int64_t longest)
{
    const model::ModelConfig& config = model.config();
    const auto element = static_cast<std::int64_t>(torch::elementSize(model.options().computeType));
    const std::int64_t elements = 3 * config.hiddenSize + config.qkvRows() + 2 * config.queryRows() + config.kvRows() + 3 * config.intermediateSize;
    const std::int64_t logitRows = std::clamp<std::int64_t>(kMostLogits / config.vocabularySize, 1, mostRows);
    kernels::PagedCacheShape shape;
    shape.headDim = config.headDimension;
    kernels::PagedAttentionArguments arguments;
    arguments.rows = mostRows;
    arguments.queryHeads = config.headCount;
    return mostRows * elements * element + logitRows * config.vocabularySize * (element + static_cast<std::int64_t>(sizeof(float)))
        + kernels::cuda::pagedAttentionWorkspace(shape, arguments, longest);
}

torch::Tensor DeviceDecoder::array(std::int64_t width, torch::ScalarType type) const
{
    return torch::empty({ m_mostRows, width }, torch::TensorOptions(type).device(m_device.place()));
}

bool DeviceDecoder::reserve(std::int64_t longest, BlockCache& cache)
{
    bool hasMoved = false;
    if (const std::int64_t blocks = cache.blocksFor(longest); blocks > tableStride()) {
        m_tables = torch::zeros({ m_mostRows + 1, blocks }, m_tables.options());
        m_tables[m_mostRows].fill_(cache.spareBlock());
        hasMoved = true;
    }
    kernels::PagedAttentionArguments arguments;
    arguments.rows = m_mostRows;
    arguments.queryHeads = m_model.config().headCount;
    const std::int64_t bytes = kernels::cuda::pagedAttentionWorkspace(m_cacheShape, arguments, longest);
    if (!m_workspace.defined() || bytes > m_workspace.numel()) {
        m_workspace = torch::empty({ bytes }, m_plan.options());
        hasMoved = true;
    }
    return hasMoved;
}

void DeviceDecoder::step(std::int64_t rows, std::int64_t longest, const kernels::SampleSettings& sampling, BlockCache& cache)
{
    const torch::NoGradGuard noGradient;
    const model::Weights& weights = m_model.weights();
    const auto first = [rows](const torch::Tensor& all) { return all.defined() ? all.narrow(0, 0, rows) : all; };
    auto* row = static_cast<kernels::PagedRow*>(m_row.data_ptr());
    m_device.operations().decodeRows({ rows, plan(), drawn(), tables(), tableStride(), m_cacheShape.blockTokens, m_token.data_ptr<std::int64_t>(),
                                         m_position.data_ptr<std::int64_t>(), row, m_uniform.data_ptr<double>() },
        m_device.stream());
    Rows views { rows, row, first(m_hidden), first(m_normed), first(m_residual), first(m_qkv), first(m_query), first(m_key), first(m_attended),
        first(m_gateUp), first(m_gated) };
    at::index_select_out(views.hidden, weights.embedding, 0, first(m_token));
    for (std::int64_t layer = 0; layer < m_model.config().layerCount; ++layer) {
        const model::LayerWeights& own = weights.layers[static_cast<std::size_t>(layer)];
        project(views, own, layer, cache);
        mix(views, own, layer, longest, cache);
    }
    addNorm(views, weights.finalNorm);
    drawTokens(views, sampling);
}

// qkv of the rows, with their keys and values in the cache.
void DeviceDecoder::project(Rows& rows, const model::LayerWeights& weights, std::int64_t layer, BlockCache& cache)
{
    const model::ModelConfig& config = m_model.config();
    if (layer == 0)
        m_device.operations().rmsNormForward({ rows.count, config.hiddenSize, static_cast<float>(config.rmsNormEpsilon), m_type },
            { rows.hidden.const_data_ptr(), weights.inputNorm.const_data_ptr(), rows.normed.data_ptr(), nullptr }, m_device.stream());
    else
        addNorm(rows, weights.inputNorm);
    affineInto(rows.qkv, rows.normed, weights.qkv, weights.qkvBias);
    if (config.hasQueryKeyNorm)
        normaliseHeads(rows, weights);
    auto* qkv = static_cast<std::byte*>(rows.qkv.data_ptr());
    m_device.operations().rotary(m_model.rotaryTable(),
        { rows.count, config.headCount + config.kvHeadCount, config.headDimension, config.qkvRows(), m_position.const_data_ptr<std::int64_t>(),
            qkv, m_type, kernels::RotaryDirection::Forward },
        m_device.stream());
    const std::int64_t size = kernels::sizeOf(m_type);
    m_device.operations().pagedWrite(m_cacheShape,
        { rows.count, qkv + config.queryRows() * size, qkv + (config.queryRows() + config.kvRows()) * size, config.qkvRows(),
            cache.layer(layer), rows.row },
        m_device.stream());
}

// Attention over the cache and the feed-forward half; the layer's last residual is left to the next norm.
void DeviceDecoder::mix(Rows& rows, const model::LayerWeights& weights, std::int64_t layer, std::int64_t longest, BlockCache& cache)
{
    const model::ModelConfig& config = m_model.config();
    const float scale = 1.0F / std::sqrt(static_cast<float>(config.headDimension));
    m_device.operations().pagedAttention(m_cacheShape,
        { rows.count, config.headCount, scale, rows.qkv.const_data_ptr(), config.qkvRows(), cache.layer(layer), rows.row, rows.attended.data_ptr() },
        longest, m_workspace.data_ptr(), m_device.stream());
    affineInto(rows.residual, rows.attended, weights.attentionOutput, weights.attentionOutputBias);
    addNorm(rows, weights.postNorm);
    affineInto(rows.gateUp, rows.normed, weights.gateUp, weights.gateUpBias);
    const auto* gate = static_cast<const std::byte*>(rows.gateUp.const_data_ptr());
    m_device.operations().swigluForward({ rows.count, config.intermediateSize, 2 * config.intermediateSize, m_type },
        { gate, gate + config.intermediateSize * kernels::sizeOf(m_type), rows.gated.data_ptr() }, m_device.stream());
    affineInto(rows.residual, rows.gated, weights.down, weights.downBias);
}

// normed = norm(hidden += residual)
void DeviceDecoder::addNorm(Rows& rows, const torch::Tensor& weight)
{
    const model::ModelConfig& config = m_model.config();
    m_device.operations().addRmsNorm({ rows.count, config.hiddenSize, static_cast<float>(config.rmsNormEpsilon), m_type },
        { rows.hidden.data_ptr(), rows.residual.const_data_ptr(), weight.const_data_ptr(), rows.normed.data_ptr() }, m_device.stream());
}

// Qwen3: every query and key head is normalised. The norm wants heads side by side.
void DeviceDecoder::normaliseHeads(Rows& rows, const model::LayerWeights& weights)
{
    const model::ModelConfig& config = m_model.config();
    const auto normalise = [&](torch::Tensor& heads, std::int64_t firstColumn, const torch::Tensor& weight) {
        torch::Tensor columns = rows.qkv.narrow(1, firstColumn, heads.size(1));
        heads.copy_(columns);
        m_device.operations().rmsNormForward(
            { heads.numel() / config.headDimension, config.headDimension, static_cast<float>(config.rmsNormEpsilon), m_type },
            { heads.const_data_ptr(), weight.const_data_ptr(), heads.data_ptr(), nullptr }, m_device.stream());
        columns.copy_(heads);
    };
    normalise(rows.query, 0, weights.queryNorm);
    normalise(rows.key, config.queryRows(), weights.keyNorm);
}

void DeviceDecoder::drawTokens(const Rows& rows, const kernels::SampleSettings& sampling)
{
    const std::int64_t vocabulary = m_model.config().vocabularySize;
    for (std::int64_t begin = 0; begin < rows.count; begin += m_logitRows) {
        const std::int64_t count = std::min(m_logitRows, rows.count - begin);
        torch::Tensor logits = m_logits.narrow(0, 0, count);
        affineInto(logits, rows.normed.narrow(0, begin, count), m_model.weights().head, {});
        torch::Tensor values = m_values.narrow(0, 0, count);
        if (m_type != kernels::ElementType::Float32)
            values.copy_(logits);
        m_device.operations().sample(sampling,
            { count, vocabulary, vocabulary, values.const_data_ptr<float>(), m_uniform.const_data_ptr<double>() + begin,
                m_drawn.data_ptr<std::int32_t>() + begin, m_logprobs.data_ptr<float>() + begin },
            m_device.stream());
    }
}

// Prompts go through the model's own layers, whole, so that attention reads every key once for a tile of queries.
void DeviceDecoder::readPrompts(
    std::span<PromptRead> prompts, const kernels::SampleSettings& sampling, BlockCache& cache, std::int64_t tokensAtOnce)
{
    while (!prompts.empty()) {
        std::size_t count = 0;
        std::int64_t tokens = 0;
        while (count < prompts.size() && (count == 0 || tokens + std::ssize(prompts[count].tokens) <= tokensAtOnce))
            tokens += std::ssize(prompts[count++].tokens);
        readSome(prompts.first(count), sampling, cache);
        prompts = prompts.subspan(count);
    }
}

void DeviceDecoder::readSome(std::span<PromptRead> prompts, const kernels::SampleSettings& sampling, BlockCache& cache)
{
    const torch::NoGradGuard noGradient;
    const model::Weights& weights = m_model.weights();
    const torch::Tensor normed = model::rmsNorm(m_device, lastHidden(prompts, cache), weights.finalNorm, m_model.config().rmsNormEpsilon).y;
    drawFirst(prompts, model::affine(normed, weights.head).to(torch::kFloat32), sampling);
}

// The last layer's output at the last token of each prompt; keys and values go into the cache.
torch::Tensor DeviceDecoder::lastHidden(std::span<const PromptRead> prompts, BlockCache& cache) const
{
    model::PackedBatch batch;
    std::vector<std::int32_t> blocks;
    for (const PromptRead& prompt : prompts) {
        batch.addSequence(prompt.tokens);
        blocks.insert(blocks.end(), prompt.table.begin(), prompt.table.end());
    }
    const torch::Tensor tables = bytesAt(m_device, blocks);
    const auto* table = static_cast<const std::int32_t*>(tables.const_data_ptr());
    std::vector<kernels::PagedRow> rows;
    std::vector<std::int64_t> last;
    for (const PromptRead& prompt : prompts) {
        for (std::int64_t t = 0; t < std::ssize(prompt.tokens); ++t)
            rows.push_back({ table, t + 1 });
        last.push_back(std::ssize(rows) - 1);
        table += prompt.table.size();
    }
    const torch::Tensor rowBytes = bytesAt(m_device, rows);
    const model::BatchTensors tensors = m_model.tensorsOf(batch);
    const model::LayerContext context { m_model.config(), tensors, m_model.rotaryTable() };
    torch::Tensor x = m_model.weights().embedding.index_select(0, tensors.tokens);
    for (std::int64_t layer = 0; layer < m_model.config().layerCount; ++layer) {
        model::LayerActivations made;
        x = model::layerForward(context, m_model.weights().layers[static_cast<std::size_t>(layer)], x, &made);
        m_device.operations().pagedWrite(m_cacheShape,
            { std::ssize(rows), made.key.const_data_ptr(), made.value.const_data_ptr(), m_model.config().kvRows(), cache.layer(layer),
                static_cast<const kernels::PagedRow*>(rowBytes.const_data_ptr()) },
            m_device.stream());
    }
    return x.index_select(0, compute::tensorAt(m_device, last.data(), std::ssize(last)));
}

// `logits` [prompts, vocabulary]; all samples of a prompt draw from its row.
void DeviceDecoder::drawFirst(std::span<PromptRead> prompts, const torch::Tensor& logits, const kernels::SampleSettings& sampling) const
{
    std::vector<PhiloxStream> streams;
    for (const PromptRead& prompt : prompts)
        streams.insert(streams.end(), prompt.draws.begin(), prompt.draws.end());
    const auto count = std::ssize(streams);
    const torch::Tensor streamBytes = bytesAt(m_device, streams);
    const torch::Tensor positions = torch::zeros({ count }, m_position.options());
    torch::Tensor uniform = torch::empty({ count }, m_uniform.options());
    torch::Tensor drawn = torch::empty({ count }, m_drawn.options());
    torch::Tensor logprobs = torch::empty({ count }, m_logprobs.options());
    m_device.operations().uniformNumbers({ count, static_cast<const PhiloxStream*>(streamBytes.const_data_ptr()),
                                             positions.const_data_ptr<std::int64_t>(), uniform.data_ptr<double>() },
        m_device.stream());
    const std::int64_t vocabulary = logits.size(1);
    std::int64_t next = 0;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        const auto samples = std::ssize(prompts[i].draws);
        m_device.operations().sample(sampling,
            { samples, vocabulary, 0, logits.const_data_ptr<float>() + static_cast<std::int64_t>(i) * vocabulary,
                uniform.const_data_ptr<double>() + next, drawn.data_ptr<std::int32_t>() + next, logprobs.data_ptr<float>() + next },
            m_device.stream());
        next += samples;
    }
    const torch::Tensor tokensHere = drawn.cpu();
    const torch::Tensor logprobsHere = logprobs.cpu();
    const std::int32_t* token = tokensHere.const_data_ptr<std::int32_t>();
    const float* logprob = logprobsHere.const_data_ptr<float>();
    for (PromptRead& prompt : prompts) {
        prompt.drawn.assign(token, token + prompt.draws.size());
        prompt.logprobs.assign(logprob, logprob + prompt.draws.size());
        token += prompt.draws.size();
        logprob += prompt.draws.size();
    }
}

} // namespace midpoint::rollout
