#include "backend/policy/adamw.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

namespace midpoint::policy {
double learningRateAt(const config::OptimizerSection& settings, std::int64_t step, std::int64_t steps)
{
    const auto position = static_cast<double>(step);
    const auto warmup = static_cast<double>(settings.warmupSteps);
    if (position < warmup)
        return settings.learningRate * (position + 1.0) / (warmup + 1.0);
    if (settings.schedule == "constant")
        return settings.learningRate;
    const double length = std::max(1.0, static_cast<double>(steps) - warmup);
    const double progress = std::clamp((position - warmup) / length, 0.0, 1.0);
    double share = 0.0; // of the way from the lowest to the full rate
    if (settings.schedule == "linear")
        share = 1.0 - progress;
    else if (settings.schedule == "cosine")
        share = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
    else
        throw Error(ErrorKind::Config,
            concat("optimizer.schedule: expected constant, linear or cosine, found '", settings.schedule, "'"));
    return settings.learningRate * (settings.minLearningRateRatio + (1.0 - settings.minLearningRateRatio) * share);
}

double gradientNorm(std::span<const model::Parameter> parameters)
{
    double sum = 0.0;
    for (const model::Parameter& parameter : parameters)
        sum += std::pow(torch::linalg_vector_norm(parameter.gradient).item<double>(), 2);
    return std::sqrt(sum);
}

AdamW::AdamW(std::span<const model::Parameter> parameters, const config::OptimizerSection& settings)
    : m_settings(settings)
{
    for (const model::Parameter& parameter : parameters) {
        m_names.push_back(parameter.name);
        m_first.push_back(torch::zeros_like(parameter.value));
        m_second.push_back(torch::zeros_like(parameter.value));
    }
}

void AdamW::step(std::span<model::Parameter> parameters, double learningRate, double gradientScale)
{
    MIDPOINT_ASSERT(parameters.size() == m_names.size(), "the optimizer was made for these parameters");
    ++m_updates;
    std::vector<torch::Tensor> values, gradients;
    for (const model::Parameter& parameter : parameters) {
        values.push_back(parameter.value);
        gradients.push_back(parameter.gradient);
    }
    const std::vector<torch::Tensor> updates(values.size(), torch::full({}, m_updates, torch::kFloat32));
    // The fused form divides by its gradient scale.
    const torch::Tensor divisor = torch::full({}, 1.0 / gradientScale, torch::kFloat32);
    at::_fused_adamw_(values, gradients, m_first, m_second, {}, updates, learningRate, m_settings.beta1, m_settings.beta2,
        m_settings.weightDecay, m_settings.epsilon, false, false, divisor);
}

std::vector<model::NamedTensor> AdamW::state() const
{
    std::vector<model::NamedTensor> tensors { { "updates", torch::full({ 1 }, m_updates, torch::kInt64) } };
    for (std::size_t p = 0; p < m_names.size(); ++p) {
        tensors.emplace_back("first." + m_names[p], m_first[p]);
        tensors.emplace_back("second." + m_names[p], m_second[p]);
    }
    return tensors;
}

void AdamW::restore(std::span<const model::NamedTensor> state)
{
    std::map<std::string, torch::Tensor> byName(state.begin(), state.end());
    const auto require = [&](const std::string& name, torch::IntArrayRef shape, torch::ScalarType dtype) {
        const auto found = byName.find(name);
        if (found == byName.end())
            throw Error(ErrorKind::Checkpoint, concat("optimizer state: tensor '", name, "' is missing"));
        if (found->second.sizes() != shape || found->second.scalar_type() != dtype)
            throw Error(ErrorKind::Checkpoint, concat("optimizer state: tensor '", name, "': expected ", dtype, " of shape ", shape,
                ", found ", found->second.scalar_type(), " of shape ", found->second.sizes()));
        return found->second;
    };
    const std::int64_t updates = require("updates", { 1 }, torch::kInt64).item<std::int64_t>();
    std::vector<torch::Tensor> first, second;
    for (std::size_t p = 0; p < m_names.size(); ++p) {
        first.push_back(require("first." + m_names[p], m_first[p].sizes(), torch::kFloat32).clone());
        second.push_back(require("second." + m_names[p], m_second[p].sizes(), torch::kFloat32).clone());
    }
    m_updates = updates;
    m_first = std::move(first);
    m_second = std::move(second);
}

} // namespace midpoint::policy
