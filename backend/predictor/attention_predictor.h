// The difficulty predictor of DOTS (Sun et al., arXiv 2506.05316, section 3.2): the success rate of a prompt is an
// attention- weighted mean of the success rates just measured on reference prompts, corrected by a small head that sees
// their mean and spread. Two projections (query and reference), each
// LayerNorm-Linear-GELU-Linear-GELU-Linear-LayerNorm.
//
// Weights file: safetensors with, for P in {query_projection, reference_projection}, "P.0.weight|bias" (LayerNorm),
// "P.1.", "P.4.", "P.7." (Linear) and "P.8." (LayerNorm), and "calibration.0.", "calibration.2." (Linear). The numbers
// are the positions in the sequence with its GELU and dropout, so files of the reference implementation read after
// renaming.
#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace midpoint::predictor {

struct PredictorShape {
    std::int64_t embeddingSize = 1536;
    std::int64_t hiddenSize = 896;
    std::int64_t calibrationSize = 10;
    bool operator==(const PredictorShape&) const = default;
};

// Dropout is applied only in training and draws from the generator given.
struct DropoutOptions {
    double share = 0.0;
    std::optional<at::Generator> generator;
};

struct Prediction {
    torch::Tensor attentionBase; // [N]: the attention-weighted mean of the labels
    torch::Tensor successRate; // [N]: after the calibration head
};

class AttentionPredictor {
public:
    // Weights as PyTorch initialises Linear and LayerNorm, from the seed alone.
    static AttentionPredictor random(
        const PredictorShape& shape, std::uint64_t seed, torch::ScalarType type = torch::kFloat32);
    static AttentionPredictor load(const std::filesystem::path& path, torch::ScalarType type = torch::kFloat32);
    void save(const std::filesystem::path& path, const std::map<std::string, std::string>& metadata = {}) const;

    const PredictorShape& shape() const { return m_shape; }
    // Names as in the file; the tensors are the parameters themselves.
    std::vector<std::pair<std::string, torch::Tensor>> parameters() const;
    void setRequiresGrad(bool required);
    AttentionPredictor clone() const;
    std::string checksum() const; // of names, shapes and values

    // [n, embeddingSize] -> [n, hiddenSize]
    torch::Tensor projectQueries(const torch::Tensor& embeddings, const DropoutOptions& dropout = {}) const;
    torch::Tensor projectReferences(const torch::Tensor& embeddings, const DropoutOptions& dropout = {}) const;
    // Projected queries [N, h] and references [K, h]; labels [K], or [N, K] when every query has its own. `forbidden`
    // [N, K] (bool, may be undefined) marks references a query must not look at, such as itself.
    Prediction predict(const torch::Tensor& queries, const torch::Tensor& references, const torch::Tensor& labels,
        const torch::Tensor& forbidden = {}) const;

private:
    struct Projection {
        torch::Tensor inputNormWeight, inputNormBias;
        std::array<torch::Tensor, 3> weights, biases;
        torch::Tensor outputNormWeight, outputNormBias;
        torch::Tensor apply(const torch::Tensor& embeddings, const DropoutOptions& dropout) const;
    };
    struct Calibration {
        torch::Tensor weight0, bias0, weight2, bias2;
    };
    // Calls visit(name, tensor&) for every parameter, in a fixed order.
    template <typename Self, typename Visit> static void forEach(Self& self, Visit visit);

    PredictorShape m_shape;
    Projection m_query;
    Projection m_reference;
    Calibration m_calibration;
};

} // namespace midpoint::predictor
