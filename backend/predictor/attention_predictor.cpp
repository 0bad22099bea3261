#include "backend/predictor/attention_predictor.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/model/safetensors.h"

#include <ATen/CPUGeneratorImpl.h>
#include <cmath>
#include <limits>

namespace midpoint::predictor {
namespace {

constexpr double kNormEpsilon = 1e-5;
constexpr double kBaseEdge = 1e-4; // the attention base is kept this far from 0 and 1 before the logit
constexpr double kLowestTemperature = 1e-2; // of the calibration head
constexpr double kHighestTemperature = 10.0;
constexpr std::array<const char*, 3> kLinearPositions = { "1", "4", "7" };

torch::Tensor layerNorm(const torch::Tensor& input, const torch::Tensor& weight, const torch::Tensor& bias)
{
    return torch::layer_norm(input, { input.size(-1) }, weight, bias, kNormEpsilon);
}

torch::Tensor dropped(const torch::Tensor& input, const DropoutOptions& dropout)
{
    if (dropout.share <= 0.0)
        return input;
    const double kept = 1.0 - dropout.share;
    return input
        * torch::empty_like(input, torch::TensorOptions().requires_grad(false))
              .bernoulli_(kept, dropout.generator)
              .div_(kept);
}

// U(-1/sqrt(fan_in), 1/sqrt(fan_in)), as PyTorch initialises weight and bias of a Linear.
torch::Tensor uniformTensor(torch::IntArrayRef sizes, std::int64_t fanIn, at::Generator& generator)
{
    const double bound = 1.0 / std::sqrt(static_cast<double>(fanIn));
    return torch::empty(sizes, torch::kFloat64).uniform_(-bound, bound, generator);
}

torch::Tensor logSigmoidInverse(const torch::Tensor& p)
{
    return torch::log(p) - torch::log1p(-p);
}

} // namespace

template <typename Self, typename Visit> void AttentionPredictor::forEach(Self& self, Visit visit)
{
    const auto visitProjection = [&](const std::string& name, auto& projection) {
        visit(name + ".0.weight", projection.inputNormWeight);
        visit(name + ".0.bias", projection.inputNormBias);
        for (std::size_t i = 0; i < kLinearPositions.size(); ++i) {
            visit(name + "." + kLinearPositions[i] + ".weight", projection.weights[i]);
            visit(name + "." + kLinearPositions[i] + ".bias", projection.biases[i]);
        }
        visit(name + ".8.weight", projection.outputNormWeight);
        visit(name + ".8.bias", projection.outputNormBias);
    };
    visitProjection("query_projection", self.m_query);
    visitProjection("reference_projection", self.m_reference);
    visit("calibration.0.weight", self.m_calibration.weight0);
    visit("calibration.0.bias", self.m_calibration.bias0);
    visit("calibration.2.weight", self.m_calibration.weight2);
    visit("calibration.2.bias", self.m_calibration.bias2);
}

torch::Tensor AttentionPredictor::Projection::apply(
    const torch::Tensor& embeddings, const DropoutOptions& dropout) const
{
    torch::Tensor x = layerNorm(embeddings.to(weights[0].scalar_type()), inputNormWeight, inputNormBias);
    x = dropped(torch::gelu(torch::linear(x, weights[0], biases[0])), dropout);
    x = dropped(torch::gelu(torch::linear(x, weights[1], biases[1])), dropout);
    return layerNorm(torch::linear(x, weights[2], biases[2]), outputNormWeight, outputNormBias);
}

AttentionPredictor AttentionPredictor::random(const PredictorShape& shape, std::uint64_t seed, torch::ScalarType type)
{
    AttentionPredictor result;
    result.m_shape = shape;
    at::Generator generator = at::detail::createCPUGenerator(seed);
    const auto fill = [&](Projection& projection) {
        projection.inputNormWeight = torch::ones(shape.embeddingSize, torch::kFloat64);
        projection.inputNormBias = torch::zeros(shape.embeddingSize, torch::kFloat64);
        for (std::size_t i = 0; i < projection.weights.size(); ++i) {
            const std::int64_t inputs = i == 0 ? shape.embeddingSize : shape.hiddenSize;
            projection.weights[i] = uniformTensor({ shape.hiddenSize, inputs }, inputs, generator);
            projection.biases[i] = uniformTensor({ shape.hiddenSize }, inputs, generator);
        }
        projection.outputNormWeight = torch::ones(shape.hiddenSize, torch::kFloat64);
        projection.outputNormBias = torch::zeros(shape.hiddenSize, torch::kFloat64);
    };
    fill(result.m_query);
    fill(result.m_reference);
    Calibration& head = result.m_calibration;
    head.weight0 = uniformTensor({ shape.calibrationSize, 2 }, 2, generator);
    head.bias0 = uniformTensor({ shape.calibrationSize }, 2, generator);
    head.weight2 = uniformTensor({ 2, shape.calibrationSize }, shape.calibrationSize, generator);
    head.bias2 = uniformTensor({ 2 }, shape.calibrationSize, generator);
    forEach(result, [&](const std::string&, torch::Tensor& tensor) { tensor = tensor.to(type); });
    return result;
}

AttentionPredictor AttentionPredictor::load(const std::filesystem::path& path, torch::ScalarType type)
{
    const model::SafetensorsFile file(path);
    const auto shapeOf = [&](const char* name) -> const std::vector<std::int64_t>& {
        const auto place = file.tensors().find(name);
        if (place == file.tensors().end() || place->second.shape.size() != 2)
            throw Error(ErrorKind::Model,
                concat(path.string(), ": not a difficulty predictor: expected a matrix '", name, "'"));
        return place->second.shape;
    };
    PredictorShape shape;
    shape.hiddenSize = shapeOf("query_projection.1.weight")[0];
    shape.embeddingSize = shapeOf("query_projection.1.weight")[1];
    shape.calibrationSize = shapeOf("calibration.0.weight")[0];
    // The random weights only give the shapes that every tensor of the file must have.
    AttentionPredictor result = random(shape, 0, type);
    forEach(result,
        [&](const std::string& name, torch::Tensor& tensor) { tensor = file.read(name, tensor.sizes(), type); });
    return result;
}

void AttentionPredictor::save(
    const std::filesystem::path& path, const std::map<std::string, std::string>& metadata) const
{
    std::vector<model::NamedTensor> tensors;
    for (const auto& [name, tensor] : parameters())
        tensors.emplace_back(name, tensor.detach());
    model::writeSafetensors(path, tensors, metadata);
}

std::vector<std::pair<std::string, torch::Tensor>> AttentionPredictor::parameters() const
{
    std::vector<std::pair<std::string, torch::Tensor>> result;
    forEach(*this, [&](const std::string& name, const torch::Tensor& tensor) { result.emplace_back(name, tensor); });
    return result;
}

void AttentionPredictor::setRequiresGrad(bool required)
{
    forEach(
        *this, [&](const std::string&, torch::Tensor& tensor) { tensor = tensor.detach().requires_grad_(required); });
}

AttentionPredictor AttentionPredictor::clone() const
{
    AttentionPredictor result = *this;
    forEach(result, [&](const std::string&, torch::Tensor& tensor) { tensor = tensor.detach().clone(); });
    return result;
}

std::string AttentionPredictor::checksum() const
{
    std::string bytes;
    for (const auto& [name, tensor] : parameters()) {
        const torch::Tensor values = tensor.detach().contiguous();
        bytes += midpoint::checksum({ static_cast<const char*>(values.const_data_ptr()), values.nbytes() });
        for (const std::int64_t size : values.sizes())
            bytes += concat(name, ' ', size, ' ');
    }
    return midpoint::checksum(bytes);
}

torch::Tensor AttentionPredictor::projectQueries(const torch::Tensor& embeddings, const DropoutOptions& dropout) const
{
    return m_query.apply(embeddings, dropout);
}

torch::Tensor AttentionPredictor::projectReferences(
    const torch::Tensor& embeddings, const DropoutOptions& dropout) const
{
    return m_reference.apply(embeddings, dropout);
}

Prediction AttentionPredictor::predict(const torch::Tensor& queries, const torch::Tensor& references,
    const torch::Tensor& labels, const torch::Tensor& forbidden) const
{
    torch::Tensor scores = torch::matmul(queries, references.t()) / std::sqrt(static_cast<double>(m_shape.hiddenSize));
    torch::Tensor known = torch::ones_like(labels);
    if (forbidden.defined()) {
        scores = scores.masked_fill(forbidden, -std::numeric_limits<double>::infinity());
        known = torch::logical_not(forbidden).to(labels.scalar_type());
    }
    const torch::Tensor attention = torch::softmax(scores, -1);
    Prediction result;
    result.attentionBase = labels.dim() == 1 ? torch::matmul(attention, labels) : (attention * labels).sum(-1);

    // Mean and unbiased deviation of the labels that the query may look at: [2], or [N, 2] when they differ by query.
    const torch::Tensor count = known.sum(-1, true);
    const torch::Tensor mean = (known * labels).sum(-1, true) / count;
    const torch::Tensor variance = (known * (labels - mean).square()).sum(-1, true) / (count - 1.0).clamp_min(1.0);
    const torch::Tensor spread = torch::cat({ mean, variance.sqrt() }, -1);
    const torch::Tensor inner = torch::relu(torch::linear(spread, m_calibration.weight0, m_calibration.bias0));
    const torch::Tensor head = torch::linear(inner, m_calibration.weight2, m_calibration.bias2);
    const torch::Tensor temperature
        = torch::softplus(head.select(-1, 0)).clamp(kLowestTemperature, kHighestTemperature);
    const torch::Tensor shift = torch::tanh(head.select(-1, 1));
    const torch::Tensor base = result.attentionBase.clamp(kBaseEdge, 1.0 - kBaseEdge);
    result.successRate = torch::sigmoid(logSigmoidInverse(base) / temperature + shift);
    return result;
}

} // namespace midpoint::predictor
