#include "backend/model/model.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/model/model_state.h"

#include <nlohmann/json.hpp>

#include <array>

namespace midpoint::model {
namespace {

struct ComputeType {
    const char* name; // in configurations and in config.json
    torch::ScalarType type;
};
constexpr std::array<ComputeType, 3> kComputeTypes { {
    { "float32", torch::kFloat32 },
    { "bfloat16", torch::kBFloat16 },
    { "float16", torch::kHalf },
} };

const ComputeType& computeType(torch::ScalarType type)
{
    for (const ComputeType& known : kComputeTypes)
        if (known.type == type)
            return known;
    throw Error(ErrorKind::Internal, "expected float32, bfloat16 or float16 as compute type");
}

// What tokenizers of Hugging Face folders are made of; those that exist are copied.
constexpr std::array kTokenizerFiles { "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json",
    "merges.txt", "added_tokens.json", "chat_template.jinja" };

void copyTokenizer(const std::filesystem::path& from, const std::filesystem::path& to)
{
    for (const char* name : kTokenizerFiles)
        if (std::filesystem::exists(from / name) && !std::filesystem::equivalent(from, to))
            writeFileAtomically(to / name, readFile(from / name));
}

std::string withDtype(const std::string& configJson, torch::ScalarType dtype)
{
    nlohmann::ordered_json json = nlohmann::ordered_json::parse(configJson);
    json[json.contains("torch_dtype") ? "torch_dtype" : "dtype"] = computeType(dtype).name;
    return json.dump(2) + "\n";
}

std::vector<NamedTensor> partsOf(std::span<const Parameter> parameters, torch::Tensor Parameter::*field)
{
    std::vector<NamedTensor> tensors;
    for (const Parameter& parameter : parameters)
        for (const ParameterPart& part : parameter.parts)
            tensors.emplace_back(part.name, (parameter.*field).narrow(0, part.firstRow, part.rows));
    return tensors;
}

} // namespace

torch::ScalarType parseComputeType(const std::string& name)
{
    for (const ComputeType& known : kComputeTypes)
        if (name == known.name)
            return known.type;
    throw Error(ErrorKind::Config, concat("run.dtype: expected float32, bfloat16 or float16, found '", name, "'"));
}

void Model::State::ensureGradients()
{
    if (parameters.front().gradient.defined())
        return;
    for (Parameter& parameter : parameters)
        parameter.gradient = torch::zeros_like(parameter.compute, torch::kFloat32);
    gradients = bindWeights(config, slots, parameters, &Parameter::gradient);
}

Model::Model(std::unique_ptr<State> state)
    : m_state(std::move(state))
{
    for (Parameter& parameter : m_state->parameters)
        parameter.value = parameter.value.to(m_state->options.device.place());
    const bool isFloat32 = m_state->options.computeType == torch::kFloat32;
    for (Parameter& parameter : m_state->parameters)
        parameter.compute = isFloat32 ? parameter.value : parameter.value.to(m_state->options.computeType);
    m_state->weights = bindWeights(m_state->config, m_state->slots, m_state->parameters, &Parameter::compute);
    m_state->attention = chooseAttention(m_state->config, m_state->options.computeType, m_state->options.device);
    const std::vector<double> frequencies = rotaryInverseFrequencies(m_state->config);
    const torch::Tensor angles
        = torch::outer(torch::arange(m_state->config.maxPositions, torch::kFloat64), torch::tensor(frequencies, torch::kFloat64));
    m_state->rotaryCosine = angles.cos().to(torch::kFloat32).to(m_state->options.device.place());
    m_state->rotarySine = angles.sin().to(torch::kFloat32).to(m_state->options.device.place());
}

Model Model::load(const std::filesystem::path& folder, const ModelOptions& options)
{
    auto state = std::make_unique<State>();
    state->config = loadModelConfig(folder);
    state->options = options;
    state->folder = folder;
    state->slots = parameterSlots(state->config);
    state->parameters = readParameters(state->config, state->slots, folder);
    return Model(std::move(state));
}

ModelConfig Model::checkFiles(const std::filesystem::path& folder)
{
    ModelConfig config = loadModelConfig(folder);
    checkParameters(config, parameterSlots(config), folder);
    return config;
}

Model Model::random(const ModelConfig& config, const RngKey& key, const ModelOptions& options)
{
    auto state = std::make_unique<State>();
    state->config = config;
    if (config.json.empty())
        state->config.json = writeModelConfig(config);
    state->options = options;
    state->slots = parameterSlots(config);
    state->parameters = randomParameters(state->slots, config.initializerRange, key);
    return Model(std::move(state));
}

Model Model::sketch(const ModelConfig& config, const ModelOptions& options)
{
    auto state = std::make_unique<State>();
    state->config = config;
    if (config.json.empty())
        state->config.json = writeModelConfig(config);
    state->options = options;
    state->slots = parameterSlots(config);
    state->parameters = sketchedParameters(state->slots, config.initializerRange, options.device.place());
    return Model(std::move(state));
}

Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

const ModelConfig& Model::config() const { return m_state->config; }
const ModelOptions& Model::options() const { return m_state->options; }
const std::filesystem::path& Model::folder() const { return m_state->folder; }
std::span<Parameter> Model::parameters() { return m_state->parameters; }
std::span<const Parameter> Model::parameters() const { return m_state->parameters; }
const Weights& Model::weights() const { return m_state->weights; }
const torch::Tensor& Model::rotaryCosine() const { return m_state->rotaryCosine; }
const torch::Tensor& Model::rotarySine() const { return m_state->rotarySine; }
kernels::RotaryTable Model::rotaryTable() const
{
    return { .cosine = m_state->rotaryCosine.const_data_ptr<float>(), .sine = m_state->rotarySine.const_data_ptr<float>(),
        .positions = m_state->config.maxPositions };
}

bool Model::usesFlashAttention() const { return m_state->attention != nullptr; }

void Model::refreshComputeWeights()
{
    for (Parameter& parameter : m_state->parameters)
        if (!parameter.compute.is_same(parameter.value))
            parameter.compute.copy_(parameter.value);
}

void Model::zeroGradients()
{
    m_state->ensureGradients();
    for (Parameter& parameter : m_state->parameters)
        parameter.gradient.zero_();
}

void Model::save(const std::filesystem::path& folder, torch::ScalarType dtype, const std::filesystem::path& tokenizerFolder) const
{
    createFolders(folder);
    std::vector<NamedTensor> tensors = namedTensors();
    for (NamedTensor& tensor : tensors)
        tensor.second = tensor.second.to(dtype);
    writeSafetensors(folder / "model.safetensors", tensors);
    writeFileAtomically(folder / "config.json", withDtype(m_state->config.json, dtype));
    if (!m_state->config.generationJson.empty())
        writeFileAtomically(folder / "generation_config.json", m_state->config.generationJson);
    if (!tokenizerFolder.empty())
        copyTokenizer(tokenizerFolder, folder);
}

std::vector<NamedTensor> Model::namedTensors() const { return partsOf(m_state->parameters, &Parameter::value); }

std::vector<NamedTensor> Model::namedGradients() const
{
    m_state->ensureGradients();
    return partsOf(m_state->parameters, &Parameter::gradient);
}

void Model::readWeights(const std::filesystem::path& folder)
{
    const std::vector<Parameter> read = readParameters(m_state->config, m_state->slots, folder);
    for (std::size_t i = 0; i < read.size(); ++i)
        m_state->parameters[i].value.copy_(read[i].value);
    refreshComputeWeights();
}

} // namespace midpoint::model
