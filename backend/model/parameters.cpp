#include "backend/model/parameters.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <cmath>
#include <limits>
#include <set>

namespace midpoint::model {
namespace {

constexpr double kMatrixGain = 0.6; // deviation gain / sqrt(fan_in)

struct NamedRows {
    const char* name; // after the layer's prefix
    std::int64_t rows;
};

class SlotBuilder {
public:
    explicit SlotBuilder(std::vector<ParameterSlot>& slots)
        : m_slots(slots)
    {
    }

    void beginLayer(std::int64_t layer) { m_layer = layer; }
    void outside(const char* name, ParameterKind kind, std::vector<std::int64_t> shape, const char* fileName,
        torch::Tensor Weights::*role)
    {
        m_slots.push_back({ .name = name, .kind = kind, .shape = shape, .parts = { { fileName, 0, shape[0] } }, .outside = role });
    }
    void norm(const char* name, std::int64_t width, const char* fileName, torch::Tensor LayerWeights::*role)
    {
        add(name, ParameterKind::Norm, { width }, { { fileName, width } }, ".weight", role);
    }
    // A matrix made of those of the file, one below the other, and its bias.
    void linear(const char* name, std::int64_t columns, const std::vector<NamedRows>& parts,
        torch::Tensor LayerWeights::*weight, bool hasBias, torch::Tensor LayerWeights::*bias)
    {
        std::int64_t rows = 0;
        for (const NamedRows& part : parts)
            rows += part.rows;
        add(name, ParameterKind::Matrix, { rows, columns }, parts, ".weight", weight);
        if (hasBias)
            add(name, ParameterKind::Bias, { rows }, parts, ".bias", bias);
    }

private:
    void add(const char* name, ParameterKind kind, std::vector<std::int64_t> shape, const std::vector<NamedRows>& parts,
        const char* suffix, torch::Tensor LayerWeights::*role)
    {
        ParameterSlot slot { .name = concat("layers.", m_layer, ".", name, suffix), .kind = kind, .shape = std::move(shape) };
        slot.layer = m_layer;
        slot.inLayer = role;
        std::int64_t row = 0;
        for (const NamedRows& part : parts) {
            slot.parts.push_back({ concat("model.layers.", m_layer, ".", part.name, suffix), row, part.rows });
            row += part.rows;
        }
        m_slots.push_back(std::move(slot));
    }

    std::vector<ParameterSlot>& m_slots;
    std::int64_t m_layer = 0;
};

std::vector<std::int64_t> partShape(const ParameterSlot& slot, const ParameterPart& part)
{
    std::vector<std::int64_t> shape = slot.shape;
    shape[0] = part.rows;
    return shape;
}

// A backward pass goes from the last layer to the first and ends at the embedding (Parameter::layer).
std::int64_t completedAt(const ParameterSlot& slot)
{
    if (slot.layer >= 0)
        return slot.layer;
    return slot.kind == ParameterKind::Embedding ? kEmbeddingLayer : std::numeric_limits<std::int64_t>::max();
}

void checkPresentWeights(const std::vector<ParameterSlot>& slots, const WeightFiles& files)
{
    for (const ParameterSlot& slot : slots)
        for (const ParameterPart& part : slot.parts)
            files.check(part.name, partShape(slot, part), torch::kFloat32);
}

// Weights that would silently be left out change the model; only those known to carry nothing are passed over.
void refuseUnknownWeights(const ModelConfig& config, const std::vector<ParameterSlot>& slots, const WeightFiles& files,
    const std::filesystem::path& folder)
{
    std::set<std::string> expected;
    for (const ParameterSlot& slot : slots)
        for (const ParameterPart& part : slot.parts)
            expected.insert(part.name);
    for (const std::string& name : files.names()) {
        const bool isPassedOver = endsWith(name, "rotary_emb.inv_freq") || (config.isTied && name == "lm_head.weight");
        if (!expected.contains(name) && !isPassedOver)
            throw Error(ErrorKind::Model, concat(folder.string(), ": tensor '", name, "': not expected of a ",
                nameOf(config.architecture), " with this config.json (", config.layerCount, " layers)"));
    }
}

} // namespace

std::vector<ParameterSlot> parameterSlots(const ModelConfig& config)
{
    std::vector<ParameterSlot> slots;
    SlotBuilder builder(slots);
    const std::int64_t hidden = config.hiddenSize;
    builder.outside("embedding.weight", ParameterKind::Embedding, { config.vocabularySize, hidden }, "model.embed_tokens.weight",
        &Weights::embedding);
    for (std::int64_t layer = 0; layer < config.layerCount; ++layer) {
        builder.beginLayer(layer);
        builder.norm("input_norm", hidden, "input_layernorm", &LayerWeights::inputNorm);
        builder.linear("qkv", hidden,
            { { "self_attn.q_proj", config.queryRows() }, { "self_attn.k_proj", config.kvRows() },
                { "self_attn.v_proj", config.kvRows() } },
            &LayerWeights::qkv, config.hasQkvBias, &LayerWeights::qkvBias);
        if (config.hasQueryKeyNorm) {
            builder.norm("query_norm", config.headDimension, "self_attn.q_norm", &LayerWeights::queryNorm);
            builder.norm("key_norm", config.headDimension, "self_attn.k_norm", &LayerWeights::keyNorm);
        }
        builder.linear("attention_output", config.queryRows(), { { "self_attn.o_proj", hidden } },
            &LayerWeights::attentionOutput, config.hasAttentionOutputBias, &LayerWeights::attentionOutputBias);
        builder.norm("post_norm", hidden, "post_attention_layernorm", &LayerWeights::postNorm);
        builder.linear("gate_up", hidden,
            { { "mlp.gate_proj", config.intermediateSize }, { "mlp.up_proj", config.intermediateSize } },
            &LayerWeights::gateUp, config.hasMlpBias, &LayerWeights::gateUpBias);
        builder.linear("down", config.intermediateSize, { { "mlp.down_proj", hidden } }, &LayerWeights::down,
            config.hasMlpBias, &LayerWeights::downBias);
    }
    builder.outside("final_norm.weight", ParameterKind::Norm, { hidden }, "model.norm.weight", &Weights::finalNorm);
    if (!config.isTied)
        builder.outside("head.weight", ParameterKind::Matrix, { config.vocabularySize, hidden }, "lm_head.weight", &Weights::head);
    return slots;
}

Weights bindWeights(const ModelConfig& config, const std::vector<ParameterSlot>& slots, std::span<const Parameter> parameters,
    torch::Tensor Parameter::*field)
{
    Weights weights;
    weights.layers.resize(static_cast<std::size_t>(config.layerCount));
    for (std::size_t i = 0; i < slots.size(); ++i) {
        const ParameterSlot& slot = slots[i];
        if (slot.outside != nullptr)
            weights.*slot.outside = parameters[i].*field;
        else
            weights.layers[static_cast<std::size_t>(slot.layer)].*slot.inLayer = parameters[i].*field;
    }
    if (config.isTied)
        weights.head = weights.embedding;
    return weights;
}

void checkParameters(const ModelConfig& config, const std::vector<ParameterSlot>& slots, const std::filesystem::path& folder)
{
    const WeightFiles files(folder);
    checkPresentWeights(slots, files);
    refuseUnknownWeights(config, slots, files, folder);
}

std::vector<Parameter> readParameters(
    const ModelConfig& config, const std::vector<ParameterSlot>& slots, const std::filesystem::path& folder)
{
    const WeightFiles files(folder);
    checkPresentWeights(slots, files);
    refuseUnknownWeights(config, slots, files, folder);
    std::vector<Parameter> parameters;
    for (const ParameterSlot& slot : slots) {
        Parameter parameter { .name = slot.name, .value = torch::empty(slot.shape), .parts = slot.parts, .layer = completedAt(slot) };
        for (const ParameterPart& part : slot.parts)
            parameter.value.narrow(0, part.firstRow, part.rows).copy_(files.read(part.name, partShape(slot, part), torch::kFloat32));
        parameters.push_back(std::move(parameter));
    }
    return parameters;
}

namespace {

bool isDrawn(const ParameterSlot& slot) { return slot.kind == ParameterKind::Embedding || slot.kind == ParameterKind::Matrix; }

double deviationOf(const ParameterSlot& slot, double embeddingDeviation)
{
    return slot.kind == ParameterKind::Embedding ? embeddingDeviation : kMatrixGain / std::sqrt(static_cast<double>(slot.shape[1]));
}

} // namespace

std::vector<Parameter> randomParameters(const std::vector<ParameterSlot>& slots, double embeddingDeviation, const RngKey& key)
{
    std::vector<Parameter> parameters;
    for (const ParameterSlot& slot : slots) {
        torch::Tensor value = slot.kind == ParameterKind::Norm ? torch::ones(slot.shape) : torch::zeros(slot.shape);
        if (isDrawn(slot)) {
            RngKey own = key;
            own.sample = static_cast<std::int64_t>(parameters.size()); // each parameter draws its own numbers
            Rng rng(own);
            const double deviation = deviationOf(slot, embeddingDeviation);
            float* out = value.data_ptr<float>();
            for (std::int64_t i = 0; i < value.numel(); ++i)
                out[i] = static_cast<float>(deviation * rng.normal());
        }
        parameters.push_back({ .name = slot.name, .value = std::move(value), .parts = slot.parts, .layer = completedAt(slot) });
    }
    return parameters;
}

std::vector<Parameter> sketchedParameters(const std::vector<ParameterSlot>& slots, double embeddingDeviation, torch::Device place)
{
    std::vector<Parameter> parameters;
    for (const ParameterSlot& slot : slots) {
        torch::Tensor value = torch::full(slot.shape, slot.kind == ParameterKind::Norm ? 1.0 : 0.0, torch::TensorOptions(torch::kFloat32).device(place));
        if (isDrawn(slot))
            value.normal_(0.0, deviationOf(slot, embeddingDeviation));
        parameters.push_back({ .name = slot.name, .value = std::move(value), .parts = slot.parts, .layer = completedAt(slot) });
    }
    return parameters;
}

} // namespace midpoint::model
