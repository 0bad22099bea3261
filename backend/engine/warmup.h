// The supervised start of a tiny model: random weights, then stages of demonstrations (`midpoint warmup CONFIG`).
//
// The configuration is a TOML file of its own: model_config, tokenizer, out, dtype, seed, device, threads, batch, warmup_steps,
// beta1, beta2, weight_decay, gradient_clip; tables [[stage]] with name, steps, learning_rate, data (JSONL with "prompt" and
// "response"); optionally [check] with data, samples_per_prompt, temperature, max_new_tokens, reward, pattern. With `model`
// instead of model_config it goes on from a Hugging Face folder.
#pragma once

#include "backend/engine/api.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace midpoint::engine {

struct WarmupStage {
    std::string name;
    std::int64_t steps = 0;
    double learningRate = 0.0;
    std::filesystem::path data;
};

struct WarmupCheck {
    std::filesystem::path data; // empty: no check
    std::int64_t samplesPerPrompt = 1;
    double temperature = 1.0;
    std::int64_t maxNewTokens = 64;
    std::string reward = "math";
    std::string pattern;
};

struct WarmupConfig {
    std::filesystem::path modelConfig; // config.json of a new model, or
    std::filesystem::path model;       // a folder to go on from
    std::filesystem::path tokenizer;
    std::filesystem::path out;
    std::string dtype = "float32";     // of the saved weights; computing is in float32
    std::int64_t seed = 1;
    std::string device = "cpu";        // or "cuda:0"
    std::int64_t threads = 0;
    std::int64_t batch = 64;
    std::int64_t warmupSteps = 0;      // linear, at the very start
    double beta1 = 0.9;
    double beta2 = 0.98;
    double weightDecay = 0.0;
    double gradientClip = 1.0;
    std::vector<WarmupStage> stages;
    WarmupCheck check;
};

// Throws Error{Config} naming file, key, expected and found. Relative paths are taken from the file's folder.
WarmupConfig loadWarmupConfig(const std::filesystem::path& file, const std::vector<std::string>& overrides);

// Trains, checks after every stage and saves a Hugging Face folder. Returns a JSON summary.
std::string runWarmup(const WarmupConfig& config, Session& session);

} // namespace midpoint::engine
