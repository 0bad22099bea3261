#include "backend/policy/adamw.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <numeric>

namespace midpoint::policy {
namespace {

// In double. Several sums side by side, which the compiler keeps in vectors.
double squaresOf(const float* values, std::int64_t count)
{
    constexpr std::int64_t kSums = 16;
    std::array<double, kSums> sums {};
    std::int64_t i = 0;
    for (; i + kSums <= count; i += kSums)
        for (std::int64_t k = 0; k < kSums; ++k) {
            const auto value = static_cast<double>(values[i + k]);
            sums[static_cast<std::size_t>(k)] += value * value;
        }
    for (; i < count; ++i)
        sums[static_cast<std::size_t>(i % kSums)] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    return std::accumulate(sums.begin(), sums.end(), 0.0);
}

} // namespace

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

double gradientSquares(std::span<const model::Parameter> parameters, std::int64_t rank, std::int64_t ranks)
{
    double sum = 0.0;
    std::vector<torch::Tensor> norms; // on a device
    for (const model::Parameter& parameter : parameters) {
        const Shard shard = shardOf(parameter.gradient.numel(), rank, ranks);
        if (shard.count > 0 && parameter.gradient.is_cpu())
            sum += squaresOf(parameter.gradient.const_data_ptr<float>() + shard.begin, shard.count);
        else if (shard.count > 0)
            norms.push_back(torch::linalg_vector_norm(shardView(parameter.gradient, shard)));
    }
    if (norms.empty())
        return sum;
    const torch::Tensor all = torch::stack(norms).cpu(); // the device is waited for once
    for (std::int64_t i = 0; i < all.numel(); ++i)
        sum += std::pow(static_cast<double>(all.const_data_ptr<float>()[i]), 2);
    return sum;
}

double gradientNorm(std::span<const model::Parameter> parameters) { return std::sqrt(gradientSquares(parameters)); }

AdamW::AdamW(std::span<model::Parameter> parameters, const config::OptimizerSection& settings, std::int64_t rank, std::int64_t ranks)
    : m_settings(settings)
    , m_rank(rank)
    , m_ranks(ranks)
{
    for (const model::Parameter& parameter : parameters) {
        m_names.push_back(parameter.name);
        m_shapes.push_back(parameter.value.sizes().vec());
        m_masters.push_back(shardView(parameter.value, shard(m_masters.size())));
        m_first.push_back(torch::zeros_like(m_masters.back()));
        m_second.push_back(torch::zeros_like(m_masters.back()));
        m_ownsMasters = m_ownsMasters || (ranks > 1 && parameter.compute.defined() && !parameter.compute.is_same(parameter.value));
    }
    if (m_ownsMasters)
        takeMasters(parameters);
}

Shard AdamW::shard(std::size_t parameter) const
{
    std::int64_t elements = 1;
    for (const std::int64_t size : m_shapes[parameter])
        elements *= size;
    return shardOf(elements, m_rank, m_ranks);
}

void AdamW::step(std::span<model::Parameter> parameters, double learningRate, double gradientScale)
{
    MIDPOINT_ASSERT(parameters.size() == m_names.size(), "the optimizer was made for these parameters");
    ++m_updates;
    std::vector<torch::Tensor> values, gradients, first, second;
    for (std::size_t p = 0; p < parameters.size(); ++p) {
        if (shard(p).count == 0)
            continue;
        values.push_back(m_masters[p]);
        gradients.push_back(shardView(parameters[p].gradient, shard(p)));
        first.push_back(m_first[p]);
        second.push_back(m_second[p]);
    }
    if (values.empty())
        return;
    const torch::TensorOptions number = values.front().options();
    const std::vector<torch::Tensor> updates(values.size(), torch::full({}, m_updates, number));
    // The fused form divides by its gradient scale.
    const torch::Tensor divisor = torch::full({}, 1.0 / gradientScale, number);
    at::_fused_adamw_(values, gradients, first, second, {}, updates, learningRate, m_settings.beta1, m_settings.beta2,
        m_settings.weightDecay, m_settings.epsilon, false, false, divisor);
    for (std::size_t p = 0; p < parameters.size(); ++p)
        if (parameters[p].compute.defined() && !parameters[p].compute.is_same(parameters[p].value))
            shardView(parameters[p].compute, shard(p)).copy_(m_masters[p]);
}

std::int64_t AdamW::bytes() const
{
    std::size_t bytes = 0;
    for (const std::vector<torch::Tensor>* tensors : { &m_first, &m_second, &m_masters })
        for (const torch::Tensor& tensor : *tensors)
            bytes += tensors != &m_masters || m_ownsMasters ? tensor.nbytes() : 0;
    return static_cast<std::int64_t>(bytes);
}

torch::Tensor AdamW::whole(std::size_t parameter, const torch::Tensor& own, RankGroup& ranks) const
{
    if (m_ranks == 1)
        return own;
    const torch::Tensor all = torch::empty(m_shapes[parameter], own.options());
    shardView(all, shard(parameter)).copy_(own);
    ranks.gatherShards({ &all, 1 });
    return all;
}

std::vector<model::NamedTensor> AdamW::state(RankGroup& ranks) const
{
    std::vector<model::NamedTensor> tensors { { "updates", torch::full({ 1 }, m_updates, torch::kInt64) } };
    for (std::size_t p = 0; p < m_names.size(); ++p) {
        tensors.emplace_back("first." + m_names[p], whole(p, m_first[p], ranks));
        tensors.emplace_back("second." + m_names[p], whole(p, m_second[p], ranks));
        if (m_rank != 0)
            tensors.clear();
    }
    return tensors;
}

void AdamW::gatherMasters(std::span<model::Parameter> parameters, RankGroup& ranks) const
{
    for (std::size_t p = 0; m_ownsMasters && p < parameters.size(); ++p) {
        parameters[p].value = whole(p, m_masters[p], ranks);
        if (m_rank != 0)
            parameters[p].value.reset();
    }
}

void AdamW::releaseMasters(std::span<model::Parameter> parameters) const
{
    for (std::size_t p = 0; m_ownsMasters && p < parameters.size(); ++p)
        parameters[p].value.reset();
}

void AdamW::makeRoomForMasters(std::span<model::Parameter> parameters) const
{
    for (std::size_t p = 0; m_ownsMasters && p < parameters.size(); ++p)
        parameters[p].value = torch::empty(m_shapes[p], m_masters[p].options());
}

void AdamW::takeMasters(std::span<model::Parameter> parameters)
{
    for (std::size_t p = 0; m_ownsMasters && p < parameters.size(); ++p)
        m_masters[p] = shardView(parameters[p].value, shard(p)).clone();
    releaseMasters(parameters);
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
        first.push_back(shardView(require("first." + m_names[p], m_shapes[p], torch::kFloat32).contiguous(), shard(p)).to(m_first[p].device(), torch::kFloat32, false, true));
        second.push_back(shardView(require("second." + m_names[p], m_shapes[p], torch::kFloat32).contiguous(), shard(p)).to(m_second[p].device(), torch::kFloat32, false, true));
    }
    m_updates = updates;
    m_first = std::move(first);
    m_second = std::move(second);
}

} // namespace midpoint::policy
