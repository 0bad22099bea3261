#include "backend/policy/gradient_buckets.h"

#include "backend/core/error.h"

#include <algorithm>
#include <numeric>

namespace midpoint::policy {

GradientBuckets::GradientBuckets(std::span<const model::Parameter> parameters, std::int64_t bytes)
{
    std::vector<std::size_t> order(parameters.size());
    std::iota(order.begin(), order.end(), std::size_t { 0 });
    std::stable_sort(order.begin(), order.end(),
        [&](std::size_t a, std::size_t b) { return parameters[a].layer > parameters[b].layer; });
    std::int64_t filled = bytes;
    for (const std::size_t index : order) {
        if (filled >= bytes) {
            m_buckets.emplace_back();
            filled = 0;
        }
        m_buckets.back().parameters.push_back(index);
        m_buckets.back().lowestLayer = parameters[index].layer;
        filled += parameters[index].compute.numel() * static_cast<std::int64_t>(sizeof(float));
    }
}

void GradientBuckets::completed(std::int64_t layer, std::span<const model::Parameter> parameters, RankGroup& ranks)
{
    while (m_started < m_buckets.size() && m_buckets[m_started].lowestLayer >= layer)
        start(m_buckets[m_started++], parameters, ranks);
}

void GradientBuckets::restart(const RankGroup& ranks)
{
    if (m_started > 0 && ranks.size() > 1)
        throw Error(ErrorKind::Resource, "out of memory while gradients were on their way to other ranks; lower batch.tokens_per_microbatch");
    m_started = 0;
}

void GradientBuckets::finish(std::span<const model::Parameter> parameters, RankGroup& ranks)
{
    completed(model::kEmbeddingLayer, parameters, ranks);
    ranks.finishGradients();
    m_started = 0;
}

void GradientBuckets::start(const Bucket& bucket, std::span<const model::Parameter> parameters, RankGroup& ranks) const
{
    std::vector<torch::Tensor> gradients;
    for (const std::size_t index : bucket.parameters)
        gradients.push_back(parameters[index].gradient);
    ranks.startGradients(std::move(gradients));
}

} // namespace midpoint::policy
