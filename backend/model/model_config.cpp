#include "backend/model/model_config.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace midpoint::model {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<Architecture, 3> kArchitectures { Architecture::Qwen2, Architecture::Qwen3, Architecture::Llama };
constexpr std::array<const char*, 3> kModelTypes { "qwen2", "qwen3", "llama" }; // by architecture
constexpr std::int64_t kMaxExtent = std::int64_t { 1 } << 24; // more is a slip of the pen, and products stay within 63 bits
constexpr std::int64_t kQwen3HeadDimension = 128;             // what transformers assumes when the key is absent

// One JSON object of a file; every complaint names file and key.
class Section {
public:
    Section(const Json& object, std::string source, std::string prefix = {})
        : m_object(object)
        , m_source(std::move(source))
        , m_prefix(std::move(prefix))
    {
    }

    const Json* find(const std::string& key) const // absent and null are the same in these files
    {
        const auto found = m_object.find(key);
        return found == m_object.end() || found->is_null() ? nullptr : &*found;
    }
    Section section(const std::string& key) const
    {
        const Json& object = require(key);
        if (!object.is_object())
            fail(key, "an object", object);
        return { object, m_source, m_prefix + key + "." };
    }
    std::int64_t count(const std::string& key) const
    {
        const Json& value = require(key);
        if (!value.is_number_integer() || value < 1 || value > kMaxExtent)
            fail(key, concat("a whole number from 1 to ", kMaxExtent), value);
        return value.get<std::int64_t>();
    }
    std::int64_t count(const std::string& key, std::int64_t otherwise) const { return find(key) ? count(key) : otherwise; }
    double positive(const std::string& key) const
    {
        const Json& value = require(key);
        if (!value.is_number() || value.get<double>() <= 0.0)
            fail(key, "a number above 0", value);
        return value.get<double>();
    }
    double positive(const std::string& key, double otherwise) const { return find(key) ? positive(key) : otherwise; }
    bool flag(const std::string& key, bool otherwise) const
    {
        const Json* value = find(key);
        if (value != nullptr && !value->is_boolean())
            fail(key, "true or false", *value);
        return value == nullptr ? otherwise : value->get<bool>();
    }
    std::string text(const std::string& key, const std::string& otherwise) const
    {
        const Json* value = find(key);
        if (value != nullptr && !value->is_string())
            fail(key, "a string", *value);
        return value == nullptr ? otherwise : value->get<std::string>();
    }
    // One id or a list of ids.
    std::vector<std::int32_t> tokens(const std::string& key) const
    {
        const Json* value = find(key);
        if (value == nullptr)
            return {};
        std::vector<std::int32_t> ids;
        for (const Json& id : value->is_array() ? *value : Json::array({ *value })) {
            if (!id.is_number_integer() || id < 0 || id > kMaxExtent)
                fail(key, "a token id or a list of token ids", *value);
            ids.push_back(id.get<std::int32_t>());
        }
        return ids;
    }

    const Json& require(const std::string& key) const
    {
        const Json* value = find(key);
        if (value == nullptr)
            throw Error(ErrorKind::Model, concat(m_source, ": the key '", m_prefix, key, "' is missing"));
        return *value;
    }
    [[noreturn]] void fail(const std::string& key, const std::string& expected, const Json& found) const
    {
        throw Error(ErrorKind::Model,
            concat(m_source, ": key '", m_prefix, key, "': expected ", expected, ", found ", found.dump()));
    }

private:
    const Json& m_object;
    std::string m_source;
    std::string m_prefix;
};

Json parseObject(const std::string& text, const std::string& source)
{
    try {
        Json json = Json::parse(text);
        if (json.is_object())
            return json;
        throw Error(ErrorKind::Model, concat(source, ": expected a JSON object, found ", json.type_name()));
    } catch (const Json::parse_error& error) {
        throw Error(ErrorKind::Model, concat(source, ": not valid JSON at byte ", error.byte));
    }
}

Architecture parseArchitecture(const Section& config)
{
    std::string supported;
    for (const Architecture architecture : kArchitectures)
        supported += (supported.empty() ? "" : ", ") + std::string(nameOf(architecture));
    const Json& names = config.require("architectures");
    if (names.is_array() && names.size() == 1)
        for (const Architecture architecture : kArchitectures)
            if (names[0] == nameOf(architecture)) {
                const std::string expected = kModelTypes[static_cast<std::size_t>(architecture)];
                if (config.text("model_type", expected) != expected)
                    config.fail("model_type", concat("\"", expected, "\", as architectures says"), *config.find("model_type"));
                return architecture;
            }
    config.fail("architectures", "one of " + supported, names);
}

// Everything that would change the result and is not computed here.
void refuseUnsupported(const Section& config)
{
    if (config.text("hidden_act", "silu") != "silu")
        config.fail("hidden_act", "\"silu\"", *config.find("hidden_act"));
    if (config.flag("use_sliding_window", false))
        config.fail("use_sliding_window", "false (sliding-window attention is not supported)", *config.find("use_sliding_window"));
    if (const Json* types = config.find("layer_types"))
        for (const Json& type : *types)
            if (type != "full_attention")
                config.fail("layer_types", "\"full_attention\" for every layer", type);
    if (const Json* quantization = config.find("quantization_config"))
        config.fail("quantization_config", "none (quantised weights are not supported)", *quantization);
}

void refusePartialRotary(const Section& section)
{
    if (section.positive("partial_rotary_factor", 1.0) != 1.0)
        section.fail("partial_rotary_factor", "1 (partial rotary embeddings are not supported)",
            *section.find("partial_rotary_factor"));
}

RotaryConfig parseRotary(const Section& config)
{
    RotaryConfig rotary;
    refusePartialRotary(config);
    rotary.theta = config.positive("rope_theta", rotary.theta);
    // transformers 5 writes rope_parameters, transformers 4 rope_scaling with theta at the top.
    const char* key = config.find("rope_parameters") ? "rope_parameters" : "rope_scaling";
    if (config.find(key) == nullptr)
        return rotary;
    const Section section = config.section(key);
    rotary.theta = section.positive("rope_theta", rotary.theta);
    refusePartialRotary(section);
    const char* typeKey = section.find("rope_type") ? "rope_type" : "type";
    const std::string type = section.text(typeKey, "default");
    if (type == "default")
        return rotary;
    if (type != "linear" && type != "llama3")
        section.fail(typeKey, "\"default\", \"linear\" or \"llama3\"", *section.find(typeKey));
    rotary.factor = section.positive("factor");
    rotary.scaling = RotaryScaling::Linear;
    if (type == "linear")
        return rotary;
    rotary.scaling = RotaryScaling::Llama3;
    rotary.lowFrequencyFactor = section.positive("low_freq_factor");
    rotary.highFrequencyFactor = section.positive("high_freq_factor");
    rotary.originalMaxPositions = section.count("original_max_position_embeddings");
    if (rotary.highFrequencyFactor <= rotary.lowFrequencyFactor)
        section.fail("high_freq_factor", concat("a number above low_freq_factor = ", rotary.lowFrequencyFactor),
            *section.find("high_freq_factor"));
    return rotary;
}

void checkShapes(const Section& config, const ModelConfig& model)
{
    if (model.headCount % model.kvHeadCount != 0)
        config.fail("num_key_value_heads", concat("a divisor of num_attention_heads = ", model.headCount), model.kvHeadCount);
    if (!config.find("head_dim") && model.architecture != Architecture::Qwen3 && model.hiddenSize % model.headCount != 0)
        config.fail("hidden_size", concat("a multiple of num_attention_heads = ", model.headCount), model.hiddenSize);
    if (model.headDimension % 2 != 0)
        config.fail("head_dim", "an even number (rotary embeddings turn pairs)", model.headDimension);
}

} // namespace

ModelConfig parseModelConfig(const std::string& json, const std::string& source)
{
    const Json object = parseObject(json, source);
    const Section config(object, source);
    ModelConfig model;
    model.json = json;
    model.architecture = parseArchitecture(config);
    refuseUnsupported(config);
    model.vocabularySize = config.count("vocab_size");
    model.hiddenSize = config.count("hidden_size");
    model.intermediateSize = config.count("intermediate_size");
    model.layerCount = config.count("num_hidden_layers");
    model.headCount = config.count("num_attention_heads");
    model.kvHeadCount = config.count("num_key_value_heads", model.headCount);
    model.headDimension = config.count("head_dim",
        model.architecture == Architecture::Qwen3 ? kQwen3HeadDimension : std::max<std::int64_t>(model.hiddenSize / model.headCount, 1));
    model.maxPositions = config.count("max_position_embeddings");
    model.rmsNormEpsilon = config.positive("rms_norm_eps", 1e-6);
    model.initializerRange = config.positive("initializer_range", 0.02);
    model.isTied = config.flag("tie_word_embeddings", false);
    model.hasQueryKeyNorm = model.architecture == Architecture::Qwen3;
    const bool attentionBias = model.architecture != Architecture::Qwen2 && config.flag("attention_bias", false);
    model.hasQkvBias = model.architecture == Architecture::Qwen2 || attentionBias;
    model.hasAttentionOutputBias = attentionBias;
    model.hasMlpBias = model.architecture == Architecture::Llama && config.flag("mlp_bias", false);
    model.rotary = parseRotary(config);
    model.endTokens = config.tokens("eos_token_id");
    if (const std::vector<std::int32_t> begin = config.tokens("bos_token_id"); !begin.empty())
        model.beginToken = begin.front();
    checkShapes(config, model);
    return model;
}

ModelConfig loadModelConfig(const std::filesystem::path& folder)
{
    const std::filesystem::path path = folder / "config.json";
    if (!std::filesystem::exists(path))
        throw Error(ErrorKind::Model, concat(folder.string(), ": expected a Hugging Face model folder, but it has no config.json"));
    ModelConfig model = parseModelConfig(readFile(path), path.string());
    const std::filesystem::path generationPath = folder / "generation_config.json";
    if (std::filesystem::exists(generationPath)) {
        model.generationJson = readFile(generationPath);
        const Json object = parseObject(model.generationJson, generationPath.string());
        const std::vector<std::int32_t> ends = Section(object, generationPath.string()).tokens("eos_token_id");
        if (!ends.empty())
            model.endTokens = ends;
    }
    for (const std::int32_t end : model.endTokens)
        if (end >= model.vocabularySize)
            throw Error(ErrorKind::Model, concat(folder.string(), ": key 'eos_token_id': expected an id below vocab_size = ",
                model.vocabularySize, ", found ", end));
    return model;
}

std::string writeModelConfig(const ModelConfig& config)
{
    Json rotary = { { "rope_theta", config.rotary.theta }, { "rope_type", "default" } };
    if (config.rotary.scaling != RotaryScaling::None) {
        rotary["rope_type"] = config.rotary.scaling == RotaryScaling::Linear ? "linear" : "llama3";
        rotary["factor"] = config.rotary.factor;
    }
    if (config.rotary.scaling == RotaryScaling::Llama3) {
        rotary["low_freq_factor"] = config.rotary.lowFrequencyFactor;
        rotary["high_freq_factor"] = config.rotary.highFrequencyFactor;
        rotary["original_max_position_embeddings"] = config.rotary.originalMaxPositions;
    }
    Json json = {
        { "architectures", { nameOf(config.architecture) } },
        { "model_type", kModelTypes[static_cast<std::size_t>(config.architecture)] },
        { "dtype", "float32" },
        { "vocab_size", config.vocabularySize },
        { "hidden_size", config.hiddenSize },
        { "intermediate_size", config.intermediateSize },
        { "num_hidden_layers", config.layerCount },
        { "num_attention_heads", config.headCount },
        { "num_key_value_heads", config.kvHeadCount },
        { "head_dim", config.headDimension },
        { "hidden_act", "silu" },
        { "rms_norm_eps", config.rmsNormEpsilon },
        { "initializer_range", config.initializerRange },
        { "max_position_embeddings", config.maxPositions },
        { "tie_word_embeddings", config.isTied },
        { "rope_parameters", rotary },
    };
    if (config.rotary.scaling == RotaryScaling::None)
        json["rope_theta"] = config.rotary.theta; // read by transformers 4
    if (config.architecture != Architecture::Qwen2)
        json["attention_bias"] = config.hasQkvBias;
    if (config.architecture == Architecture::Llama)
        json["mlp_bias"] = config.hasMlpBias;
    if (config.beginToken)
        json["bos_token_id"] = *config.beginToken;
    if (config.endTokens.size() == 1)
        json["eos_token_id"] = config.endTokens.front();
    else if (!config.endTokens.empty())
        json["eos_token_id"] = config.endTokens;
    return json.dump(2) + "\n";
}

std::int64_t parameterCount(const ModelConfig& config)
{
    const std::int64_t hidden = config.hiddenSize;
    std::int64_t layer = hidden * (config.qkvRows() + config.queryRows() + 3 * config.intermediateSize) + 2 * hidden;
    layer += config.hasQkvBias ? config.qkvRows() : 0;
    layer += config.hasAttentionOutputBias ? hidden : 0;
    layer += config.hasMlpBias ? 2 * config.intermediateSize + hidden : 0;
    layer += config.hasQueryKeyNorm ? 2 * config.headDimension : 0;
    return layer * config.layerCount + hidden + hidden * config.vocabularySize * (config.isTied ? 1 : 2);
}

std::vector<double> rotaryInverseFrequencies(const ModelConfig& config)
{
    const RotaryConfig& rotary = config.rotary;
    std::vector<double> frequencies;
    for (std::int64_t i = 0; i < config.headDimension / 2; ++i) {
        const double frequency = std::pow(rotary.theta, -2.0 * static_cast<double>(i) / static_cast<double>(config.headDimension));
        if (rotary.scaling == RotaryScaling::None) {
            frequencies.push_back(frequency);
            continue;
        }
        double share = 0.0; // of the unscaled frequency: 1 keeps it, 0 divides it by the factor
        if (rotary.scaling == RotaryScaling::Llama3) {
            // Llama 3.1: keep wavelengths below original / high, divide those above original / low, ramp between.
            const double periods = static_cast<double>(rotary.originalMaxPositions) * frequency / (2.0 * std::numbers::pi);
            share = std::clamp((periods - rotary.lowFrequencyFactor) / (rotary.highFrequencyFactor - rotary.lowFrequencyFactor), 0.0, 1.0);
        }
        frequencies.push_back(share * frequency + (1.0 - share) * frequency / rotary.factor);
    }
    return frequencies;
}

const char* nameOf(Architecture architecture)
{
    switch (architecture) {
    case Architecture::Qwen2:
        return "Qwen2ForCausalLM";
    case Architecture::Qwen3:
        return "Qwen3ForCausalLM";
    case Architecture::Llama:
        return "LlamaForCausalLM";
    }
    return "unknown";
}

} // namespace midpoint::model
