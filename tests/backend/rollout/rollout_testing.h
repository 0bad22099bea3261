// Small random models and requests for the tests of generation.
#pragma once

#include "backend/model/model.h"
#include "backend/rollout/rollout_engine.h"

#include <cstdint>
#include <vector>

namespace midpoint::test {

inline model::ModelConfig tinyConfig()
{
    model::ModelConfig config;
    config.architecture = model::Architecture::Qwen2;
    config.vocabularySize = 61;
    config.hiddenSize = 32;
    config.intermediateSize = 56;
    config.layerCount = 2;
    config.headCount = 4;
    config.kvHeadCount = 2;
    config.headDimension = 8;
    config.maxPositions = 200;
    config.isTied = true;
    config.hasQkvBias = true;
    config.endTokens = { 1, 2 };
    return config;
}

// Weights large enough for distributions that are far from uniform.
inline model::Model tinyModel(torch::ScalarType type = torch::kFloat32)
{
    model::ModelOptions options;
    options.computeType = type;
    model::Model model = model::Model::random(tinyConfig(), { 3, DrawPurpose::Initialisation, 0, 0, 0 }, options);
    for (model::Parameter& parameter : model.parameters())
        if (parameter.name.find("embed") != std::string::npos)
            parameter.value.mul_(20.0);
    model.refreshComputeWeights();
    return model;
}

inline std::vector<std::int32_t> tokensOf(std::int64_t count, std::int64_t subject)
{
    Rng rng({ 5, DrawPurpose::Benchmark, 0, subject, 0 });
    std::vector<std::int32_t> tokens;
    for (std::int64_t i = 0; i < count; ++i)
        tokens.push_back(static_cast<std::int32_t>(3 + rng.below(tinyConfig().vocabularySize - 3)));
    return tokens;
}

inline rollout::RolloutRequest request(std::int64_t promptTokens, PromptId prompt, std::int64_t samples)
{
    rollout::RolloutRequest out;
    out.promptTokens = tokensOf(promptTokens, prompt);
    out.prompt = prompt;
    out.samples = samples;
    return out;
}

} // namespace midpoint::test
