#include "backend/rollout/decoder.h"

#include "backend/core/error.h"
#include "kernels/parallel.h"
#include "kernels/rms_norm.h"
#include "kernels/swiglu.h"

#include <cmath>
#include <cstring>

namespace midpoint::rollout {
namespace {

using kernels::ElementType;
using kernels::PackedMatrix;

// Weights up to this size stay in a core's caches, so that every thread may read all of them for its own rows.
constexpr std::int64_t kSmallModelBytes = std::int64_t { 8 } << 20;
constexpr std::int64_t kFewestRowsPerThread = 8;

const void* dataOf(const torch::Tensor& tensor) { return tensor.defined() ? tensor.const_data_ptr() : nullptr; }

void pack(PackedMatrix& matrix, const torch::Tensor& weight, ElementType type)
{
    MIDPOINT_ASSERT(weight.is_contiguous(), "compute weights are whole parameters");
    if (matrix.outputs() == 0)
        matrix = PackedMatrix(weight.const_data_ptr(), weight.size(0), weight.size(1), type);
    else
        matrix.refresh(weight.const_data_ptr());
}

std::int64_t roundUpTo(std::int64_t value, std::int64_t unit) { return (value + unit - 1) / unit * unit; }

} // namespace

void Decoder::Buffer::reserve(std::int64_t rows, std::int64_t rowBytes)
{
    m_rowBytes = rowBytes;
    m_memory.resize(static_cast<std::size_t>(rows * rowBytes));
}

void Decoder::Buffer::copyRow(std::int64_t from, std::int64_t to)
{
    if (from != to)
        std::memcpy(row(to), row(from), static_cast<std::size_t>(m_rowBytes));
}

Decoder::Decoder(const model::Model& model, std::int64_t blockTokens)
    : m_model(model)
    , m_type(compute::elementType(model.options().computeType))
    , m_cacheShape { roundUpTo(blockTokens, kernels::kPagedBlockUnit), model.config().kvHeadCount, model.config().headDimension, m_type }
    , m_rotary { model.rotaryCosine().const_data_ptr<float>(), model.rotarySine().const_data_ptr<float>(), model.rotaryCosine().size(0) }
    , m_vocabulary(model.config().vocabularySize)
    , m_layers(static_cast<std::size_t>(model.config().layerCount))
{
    MIDPOINT_ASSERT(model.options().device.isProcessor(), "devices decode with DeviceDecoder");
}

void Decoder::refresh()
{
    const model::Weights& weights = m_model.weights();
    for (std::size_t l = 0; l < m_layers.size(); ++l) {
        pack(m_layers[l].qkv, weights.layers[l].qkv, m_type);
        pack(m_layers[l].attentionOutput, weights.layers[l].attentionOutput, m_type);
        pack(m_layers[l].gateUp, weights.layers[l].gateUp, m_type);
        pack(m_layers[l].down, weights.layers[l].down, m_type);
    }
    pack(m_head, weights.head, m_type);
    m_packedBytes = 0;
    for (const PackedMatrix* matrix : matrices())
        m_packedBytes += matrix->bytes();
}

std::vector<const PackedMatrix*> Decoder::matrices() const
{
    std::vector<const PackedMatrix*> all;
    for (const Layer& layer : m_layers)
        all.insert(all.end(), { &layer.qkv, &layer.attentionOutput, &layer.gateUp, &layer.down });
    all.push_back(&m_head);
    return all;
}

void Decoder::reserve(std::int64_t rows)
{
    if (rows <= m_reservedRows)
        return;
    m_reservedRows = rows;
    const model::ModelConfig& config = m_model.config();
    const std::int64_t size = kernels::sizeOf(m_type);
    m_positions.resize(static_cast<std::size_t>(rows));
    m_rows.resize(static_cast<std::size_t>(rows));
    for (Buffer* buffer : { &m_hidden, &m_normed, &m_residual })
        buffer->reserve(rows, config.hiddenSize * size);
    m_qkv.reserve(rows, config.qkvRows() * size);
    m_attended.reserve(rows, config.queryRows() * size);
    m_gateUp.reserve(rows, 2 * config.intermediateSize * size);
    m_gated.reserve(rows, config.intermediateSize * size);
}

bool Decoder::splitsRows() const { return m_packedBytes <= kSmallModelBytes; }

void Decoder::forEachRange(std::int64_t rows, const std::function<void(std::int64_t, std::int64_t)>& step) const
{
    if (splitsRows())
        kernels::parallelRanges(rows, kFewestRowsPerThread, step);
    else
        step(0, rows);
}

void Decoder::decodeRange(std::span<const DecodeRow> rows, std::int64_t begin, std::int64_t end, BlockCache& cache)
{
    embed(rows, begin, end);
    for (std::int64_t l = 0; l < layers(); ++l)
        runLayer(l, begin, end, cache);
    finish(begin, end);
}

void Decoder::logits(std::int64_t begin, std::int64_t end, float* out)
{
    kernels::packedLinear(m_head, { end - begin, m_normed.row(begin), nullptr, out, ElementType::Float32 });
}

void Decoder::prefill(std::span<const DecodeRow> rows, std::span<const std::int64_t> wanted, BlockCache& cache, float* logits)
{
    const auto count = static_cast<std::int64_t>(rows.size());
    const auto kept = static_cast<std::int64_t>(wanted.size());
    reserve(count);
    embed(rows, 0, count);
    const std::int64_t last = layers() - 1;
    for (std::int64_t l = 0; l < last; ++l)
        runLayer(l, 0, count, cache);
    // Of the last layer the other rows give their keys and values only.
    project(last, 0, count, cache);
    keepRows(wanted);
    mix(last, 0, kept, cache);
    finish(0, kept);
    this->logits(0, kept, logits);
}

void Decoder::embed(std::span<const DecodeRow> rows, std::int64_t begin, std::int64_t end)
{
    const auto rowBytes = m_model.config().hiddenSize * kernels::sizeOf(m_type);
    const auto* embedding = static_cast<const std::byte*>(dataOf(m_model.weights().embedding));
    for (std::int64_t r = begin; r < end; ++r) {
        const DecodeRow& row = rows[static_cast<std::size_t>(r)];
        std::memcpy(m_hidden.row(r), embedding + row.token * rowBytes, static_cast<std::size_t>(rowBytes));
        m_positions[static_cast<std::size_t>(r)] = row.position;
        m_rows[static_cast<std::size_t>(r)] = { row.table, row.position + 1 };
    }
}

void Decoder::linear(const PackedMatrix& matrix, const torch::Tensor& bias, std::int64_t rows, const void* x, void* y) const
{
    kernels::packedLinear(matrix, { rows, x, dataOf(bias), y, m_type });
}

// normed = norm(hidden += residual)
void Decoder::addNorm(const torch::Tensor& weight, std::int64_t begin, std::int64_t end)
{
    const model::ModelConfig& config = m_model.config();
    kernels::addRmsNorm({ end - begin, config.hiddenSize, static_cast<float>(config.rmsNormEpsilon), m_type },
        { m_hidden.row(begin), m_residual.row(begin), dataOf(weight), m_normed.row(begin) });
}

void Decoder::runLayer(std::int64_t layer, std::int64_t begin, std::int64_t end, BlockCache& cache)
{
    project(layer, begin, end, cache);
    mix(layer, begin, end, cache);
}

// qkv of the rows, with their keys and values in the cache.
void Decoder::project(std::int64_t layer, std::int64_t begin, std::int64_t end, BlockCache& cache)
{
    const model::ModelConfig& config = m_model.config();
    const model::LayerWeights& weights = m_model.weights().layers[static_cast<std::size_t>(layer)];
    const std::int64_t rows = end - begin;
    const std::int64_t size = kernels::sizeOf(m_type);
    if (layer == 0)
        kernels::rmsNormForward({ rows, config.hiddenSize, static_cast<float>(config.rmsNormEpsilon), m_type },
            { m_hidden.row(begin), dataOf(weights.inputNorm), m_normed.row(begin), nullptr });
    else
        addNorm(weights.inputNorm, begin, end);
    linear(m_layers[static_cast<std::size_t>(layer)].qkv, weights.qkvBias, rows, m_normed.row(begin), m_qkv.row(begin));
    if (config.hasQueryKeyNorm)
        normaliseHeads(weights, begin, end);
    auto* qkv = static_cast<std::byte*>(m_qkv.row(begin));
    kernels::rotary(m_rotary,
        { rows, config.headCount + config.kvHeadCount, config.headDimension, config.qkvRows(), m_positions.data() + begin, qkv, m_type,
            kernels::RotaryDirection::Forward });
    kernels::pagedWrite(m_cacheShape,
        { rows, qkv + config.queryRows() * size, qkv + (config.queryRows() + config.kvRows()) * size, config.qkvRows(), cache.layer(layer),
            m_rows.data() + begin });
}

// Attention over the cache and the feed-forward half; the layer's last residual is left in m_residual.
void Decoder::mix(std::int64_t layer, std::int64_t begin, std::int64_t end, BlockCache& cache)
{
    const model::ModelConfig& config = m_model.config();
    const model::LayerWeights& weights = m_model.weights().layers[static_cast<std::size_t>(layer)];
    const Layer& packed = m_layers[static_cast<std::size_t>(layer)];
    const std::int64_t rows = end - begin;
    const float scale = 1.0F / std::sqrt(static_cast<float>(config.headDimension));
    kernels::pagedAttention(m_cacheShape,
        { rows, config.headCount, scale, m_qkv.row(begin), config.qkvRows(), cache.layer(layer), m_rows.data() + begin,
            m_attended.row(begin) });
    linear(packed.attentionOutput, weights.attentionOutputBias, rows, m_attended.row(begin), m_residual.row(begin));
    addNorm(weights.postNorm, begin, end);
    linear(packed.gateUp, weights.gateUpBias, rows, m_normed.row(begin), m_gateUp.row(begin));
    const auto* gate = static_cast<const std::byte*>(m_gateUp.row(begin));
    kernels::swigluForward({ rows, config.intermediateSize, 2 * config.intermediateSize, m_type },
        { gate, gate + config.intermediateSize * kernels::sizeOf(m_type), m_gated.row(begin) });
    linear(packed.down, weights.downBias, rows, m_gated.row(begin), m_residual.row(begin));
}

void Decoder::finish(std::int64_t begin, std::int64_t end) { addNorm(m_model.weights().finalNorm, begin, end); }

// Moves these rows, which are in rising order, to the front.
void Decoder::keepRows(std::span<const std::int64_t> wanted)
{
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        m_rows[i] = m_rows[static_cast<std::size_t>(wanted[i])];
        m_hidden.copyRow(wanted[i], static_cast<std::int64_t>(i));
        m_qkv.copyRow(wanted[i], static_cast<std::int64_t>(i));
    }
}

// Qwen3: every query and key head is normalised.
void Decoder::normaliseHeads(const model::LayerWeights& weights, std::int64_t begin, std::int64_t end)
{
    const model::ModelConfig& config = m_model.config();
    const auto epsilon = static_cast<float>(config.rmsNormEpsilon);
    for (std::int64_t r = begin; r < end; ++r) {
        auto* query = static_cast<std::byte*>(m_qkv.row(r));
        auto* key = query + config.queryRows() * kernels::sizeOf(m_type);
        kernels::rmsNormForward({ config.headCount, config.headDimension, epsilon, m_type }, { query, dataOf(weights.queryNorm), query, nullptr });
        kernels::rmsNormForward({ config.kvHeadCount, config.headDimension, epsilon, m_type }, { key, dataOf(weights.keyNorm), key, nullptr });
    }
}

} // namespace midpoint::rollout
