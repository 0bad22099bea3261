// Models for benchmarks, and what they compute and read at least.
#pragma once

#include "backend/model/model.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace midpoint::model {

// "demo" (hidden 128, 3 layers, vocabulary 75), "0.5b" or "1.5b" (as Qwen2.5 of that size). Throws Error{Usage}.
ModelConfig benchShape(const std::string& name);

struct BenchModelOptions {
    std::filesystem::path folder;  // empty: random weights of the shape
    std::string shape = "demo";
    std::string dtype = "float32";
    std::string device = "cpu";
};
// Throws what opening the device and reading the folder throw.
Model benchModel(const BenchModelOptions& options);

// Bytes of the weights that a step of decoding reads, whatever the number of its rows.
double decodingWeightBytes(const Model& model);
// Operations of a forward and backward pass, two for each multiplication with its addition: products with the weights and
// attention, nothing that is computed twice. `pairs`: tokens that see each other, once for each pair.
double trainingOperations(const ModelConfig& config, double tokens, double scoredTokens, double pairs);

} // namespace midpoint::model
