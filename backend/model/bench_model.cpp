#include "backend/model/bench_model.h"

#include "backend/compute/open_device.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

namespace midpoint::model {
namespace {

ModelConfig qwen(std::int64_t hidden, std::int64_t intermediate, std::int64_t layers, std::int64_t heads, std::int64_t headDimension)
{
    ModelConfig config;
    config.architecture = Architecture::Qwen2;
    config.vocabularySize = 151936;
    config.hiddenSize = hidden;
    config.intermediateSize = intermediate;
    config.layerCount = layers;
    config.headCount = heads;
    config.kvHeadCount = 2;
    config.headDimension = headDimension;
    config.maxPositions = 4096;
    config.isTied = true;
    config.hasQkvBias = true;
    return config;
}

double matrixElementsOfLayers(const ModelConfig& config)
{
    const auto hidden = static_cast<double>(config.hiddenSize);
    return static_cast<double>(config.layerCount) * hidden
        * static_cast<double>(config.qkvRows() + config.queryRows() + 3 * config.intermediateSize);
}

double headElements(const ModelConfig& config) { return static_cast<double>(config.vocabularySize) * static_cast<double>(config.hiddenSize); }

} // namespace

ModelConfig benchShape(const std::string& name)
{
    if (name == "0.5b")
        return qwen(896, 4864, 24, 14, 64);
    if (name == "1.5b")
        return qwen(1536, 8960, 28, 12, 128);
    if (name != "demo")
        throw Error(ErrorKind::Usage, concat("shape: expected demo, 0.5b or 1.5b, found '", name, "'"));
    ModelConfig config;
    config.architecture = Architecture::Qwen2;
    config.vocabularySize = 75;
    config.hiddenSize = 128;
    config.intermediateSize = 352;
    config.layerCount = 3;
    config.headCount = 4;
    config.kvHeadCount = 2;
    config.headDimension = 32;
    config.maxPositions = 512;
    config.isTied = true;
    config.hasQkvBias = true;
    return config;
}

Model benchModel(const BenchModelOptions& options)
{
    ModelOptions modelOptions;
    modelOptions.computeType = parseComputeType(options.dtype);
    modelOptions.device = compute::openDevice(options.device);
    if (!options.folder.empty())
        return Model::load(options.folder, modelOptions);
    const ModelConfig config = benchShape(options.shape);
    return options.shape == "demo" ? Model::random(config, { 1, DrawPurpose::Benchmark, 0, 0, 0 }, modelOptions)
                                   : Model::sketch(config, modelOptions);
}

double decodingWeightBytes(const Model& model)
{
    return (matrixElementsOfLayers(model.config()) + headElements(model.config()))
        * static_cast<double>(torch::elementSize(model.options().computeType));
}

double trainingOperations(const ModelConfig& config, double tokens, double scoredTokens, double pairs)
{
    constexpr double kForwardAndBackward = 3.0; // the backward pass has two products for each one of the forward pass
    const double products = tokens * matrixElementsOfLayers(config) + scoredTokens * headElements(config);
    const double attention = 2.0 * static_cast<double>(config.layerCount * config.queryRows()) * pairs; // scores, and the mix of values
    return kForwardAndBackward * 2.0 * (products + attention);
}

} // namespace midpoint::model
