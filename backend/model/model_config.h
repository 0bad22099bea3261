// What config.json and generation_config.json of a Hugging Face folder (transformers 4 and 5) say about a decoder-only
// transformer. Whatever the engine does not compute exactly is refused here, with the key, the expected and the found value.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::model {

enum class Architecture { Qwen2, Qwen3, Llama };
enum class RotaryScaling { None, Linear, Llama3 };

struct RotaryConfig {
    double theta = 10000.0;
    RotaryScaling scaling = RotaryScaling::None;
    double factor = 1.0;
    double lowFrequencyFactor = 1.0;  // "llama3" only, and the next two
    double highFrequencyFactor = 4.0;
    std::int64_t originalMaxPositions = 8192;
};

struct ModelConfig {
    Architecture architecture = Architecture::Qwen2;
    std::int64_t vocabularySize = 0;
    std::int64_t hiddenSize = 0;
    std::int64_t intermediateSize = 0;
    std::int64_t layerCount = 0;
    std::int64_t headCount = 0;
    std::int64_t kvHeadCount = 0;
    std::int64_t headDimension = 0;
    std::int64_t maxPositions = 0;
    double rmsNormEpsilon = 1e-6;
    double initializerRange = 0.02;   // deviation of random embeddings; has no meaning for weights that are read
    bool isTied = false;              // the embedding is the LM head too
    bool hasQueryKeyNorm = false;     // RMSNorm of every query and key head (Qwen3)
    bool hasQkvBias = false;
    bool hasAttentionOutputBias = false;
    bool hasMlpBias = false;
    RotaryConfig rotary;

    std::optional<std::int32_t> beginToken;
    std::vector<std::int32_t> endTokens; // every id that ends a sequence (generation_config.json, else config.json)

    std::string json;           // config.json as it was read: saved again with only its dtype changed
    std::string generationJson; // generation_config.json as it was read; empty if there was none

    std::int64_t queryRows() const { return headCount * headDimension; }
    std::int64_t kvRows() const { return kvHeadCount * headDimension; }
    std::int64_t qkvRows() const { return queryRows() + 2 * kvRows(); }
};

// Throws Error{Model} (or Error{Io} for a file that cannot be read).
ModelConfig loadModelConfig(const std::filesystem::path& folder);
// `source` names the text in messages.
ModelConfig parseModelConfig(const std::string& json, const std::string& source);

// A config.json in the style of transformers 5 for a model that is made here (warm-up, tests).
std::string writeModelConfig(const ModelConfig& config);

std::int64_t parameterCount(const ModelConfig& config);

// theta^(-2i/headDimension) for i < headDimension / 2, after scaling, in double.
std::vector<double> rotaryInverseFrequencies(const ModelConfig& config);

const char* nameOf(Architecture architecture); // "Qwen2ForCausalLM", ...

} // namespace midpoint::model
