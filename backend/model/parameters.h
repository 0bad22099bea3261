// Which parameters a configuration has, their shapes and their names in Hugging Face files, and their binding to roles.
#pragma once

#include "backend/model/model.h"

namespace midpoint::model {

enum class ParameterKind { Embedding, Matrix, Bias, Norm };

struct ParameterSlot {
    std::string name;
    ParameterKind kind = ParameterKind::Matrix;
    std::vector<std::int64_t> shape;
    std::vector<ParameterPart> parts = {};
    std::int64_t layer = -1;                          // -1: outside of the layers
    torch::Tensor LayerWeights::*inLayer = nullptr;   // its role, one of the two
    torch::Tensor Weights::*outside = nullptr;
};

std::vector<ParameterSlot> parameterSlots(const ModelConfig& config);

// The tensors `field` of the parameters (value, compute or gradient), by role.
Weights bindWeights(const ModelConfig& config, const std::vector<ParameterSlot>& slots, std::span<const Parameter> parameters,
    torch::Tensor Parameter::*field);

// Throws Error{Model} for a weight of the folder that is missing, has another shape or is unknown; reads the headers alone.
void checkParameters(const ModelConfig& config, const std::vector<ParameterSlot>& slots, const std::filesystem::path& folder);
// Masters read from the files of a folder, checked as above.
std::vector<Parameter> readParameters(
    const ModelConfig& config, const std::vector<ParameterSlot>& slots, const std::filesystem::path& folder);
// Random ones: embeddings N(0, embeddingDeviation), matrices N(0, 0.6 / sqrt(fan_in)), biases 0, norms 1.
std::vector<Parameter> randomParameters(const std::vector<ParameterSlot>& slots, double embeddingDeviation, const RngKey& key);
// The same spread, drawn by LibTorch at `place`.
std::vector<Parameter> sketchedParameters(const std::vector<ParameterSlot>& slots, double embeddingDeviation, torch::Device place);

} // namespace midpoint::model
