#include "backend/difficulty/clusters.h"

#include "backend/core/error.h"
#include "backend/core/rng.h"
#include "backend/core/text.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace midpoint::difficulty {
namespace {

constexpr std::int64_t kSample = 4096; // prompts that centres are found from
constexpr int kIterations = 12;

std::size_t at(std::int64_t index)
{
    return static_cast<std::size_t>(index);
}

class KMeans {
public:
    KMeans(std::span<const float> embeddings, std::int64_t dimension, std::uint64_t seed)
        : m_embeddings(embeddings)
        , m_dimension(dimension)
        , m_prompts(std::ssize(embeddings) / dimension)
        , m_rng({ seed, DrawPurpose::Initialisation, 0, 0, 0 })
        , m_sample(at(m_prompts))
    {
        std::iota(m_sample.begin(), m_sample.end(), 0);
        shuffle(m_sample, m_rng);
        m_sample.resize(at(std::min(m_prompts, kSample)));
        findScales();
    }

    std::vector<std::int32_t> cluster(std::int64_t clusters)
    {
        spread(clusters);
        for (int iteration = 0; iteration < kIterations; ++iteration)
            moveCentres();
        std::vector<std::int32_t> result;
        for (std::int64_t prompt = 0; prompt < m_prompts; ++prompt)
            result.push_back(static_cast<std::int32_t>(nearest(prompt).first));
        return result;
    }

private:
    float value(std::int64_t prompt, std::int64_t column) const
    {
        return m_embeddings[at(prompt * m_dimension + column)] * m_scales[at(column)];
    }
    std::vector<float> rowOf(std::int64_t prompt) const
    {
        std::vector<float> row;
        for (std::int64_t column = 0; column < m_dimension; ++column)
            row.push_back(value(prompt, column));
        return row;
    }
    // One over the deviation of every column: columns of large numbers would decide alone.
    void findScales()
    {
        const auto count = static_cast<double>(m_sample.size());
        for (std::int64_t column = 0; column < m_dimension; ++column) {
            double sum = 0.0;
            double squares = 0.0;
            for (const std::int64_t prompt : m_sample) {
                const double x = static_cast<double>(m_embeddings[at(prompt * m_dimension + column)]);
                sum += x;
                squares += x * x;
            }
            const double variance = std::max(0.0, squares / count - sum * sum / count / count);
            m_scales.push_back(variance > 0.0 ? static_cast<float>(1.0 / std::sqrt(variance)) : 0.0F);
        }
    }
    // k-means++: every centre is a prompt drawn in proportion to its squared distance from the centres before it.
    void spread(std::int64_t clusters)
    {
        m_centres = { rowOf(m_sample.front()) };
        std::vector<double> distances(m_sample.size(), std::numeric_limits<double>::infinity());
        while (std::ssize(m_centres) < clusters) {
            double total = 0.0;
            for (std::size_t i = 0; i < m_sample.size(); ++i) {
                distances[i] = std::min(distances[i], distance(m_sample[i], m_centres.back()));
                total += distances[i];
            }
            double left = m_rng.uniform() * total;
            std::size_t chosen = 0;
            while (chosen + 1 < m_sample.size() && (left -= distances[chosen]) > 0.0)
                ++chosen;
            m_centres.push_back(rowOf(m_sample[chosen]));
        }
    }
    void moveCentres()
    {
        std::vector<std::vector<double>> sums(m_centres.size(), std::vector<double>(at(m_dimension), 0.0));
        std::vector<double> counts(m_centres.size(), 0.0);
        for (const std::int64_t prompt : m_sample) {
            const std::size_t cluster = nearest(prompt).first;
            counts[cluster] += 1.0;
            for (std::int64_t column = 0; column < m_dimension; ++column)
                sums[cluster][at(column)] += static_cast<double>(value(prompt, column));
        }
        for (std::size_t cluster = 0; cluster < m_centres.size(); ++cluster)
            for (std::int64_t column = 0; counts[cluster] > 0.0 && column < m_dimension; ++column)
                m_centres[cluster][at(column)] = static_cast<float>(sums[cluster][at(column)] / counts[cluster]);
    }
    double distance(std::int64_t prompt, const std::vector<float>& centre) const
    {
        float sum = 0.0F;
        for (std::int64_t column = 0; column < m_dimension; ++column) {
            const float difference = value(prompt, column) - centre[at(column)];
            sum += difference * difference;
        }
        return static_cast<double>(sum);
    }
    std::pair<std::size_t, double> nearest(std::int64_t prompt) const
    {
        std::pair<std::size_t, double> best { 0, std::numeric_limits<double>::infinity() };
        for (std::size_t cluster = 0; cluster < m_centres.size(); ++cluster)
            if (const double here = distance(prompt, m_centres[cluster]); here < best.second)
                best = { cluster, here };
        return best;
    }

    std::span<const float> m_embeddings;
    std::int64_t m_dimension;
    std::int64_t m_prompts;
    Rng m_rng;
    std::vector<std::int64_t> m_sample;
    std::vector<float> m_scales;
    std::vector<std::vector<float>> m_centres;
};

} // namespace

std::vector<std::int32_t> clusterPrompts(
    std::span<const float> embeddings, std::int64_t dimension, std::int64_t clusters, std::uint64_t seed)
{
    const std::int64_t prompts = dimension > 0 ? std::ssize(embeddings) / dimension : 0;
    if (clusters < 2 || clusters > prompts)
        throw Error(ErrorKind::Config,
            concat("selection.clusters: expected from 2 to the ", prompts, " prompts of the pool, found ", clusters));
    return KMeans(embeddings, dimension, seed).cluster(clusters);
}

std::vector<std::int64_t> withQuota(std::span<const std::int64_t> order, std::span<const std::int32_t> clusters,
    std::int64_t count, std::int64_t quota)
{
    std::vector<std::int64_t> taken;
    std::vector<std::int64_t> others;
    std::vector<std::int64_t> counts;
    for (const std::int64_t index : order) {
        const auto cluster = static_cast<std::size_t>(clusters[at(index)]);
        if (cluster >= counts.size())
            counts.resize(cluster + 1, 0);
        (counts[cluster]++ < quota ? taken : others).push_back(index);
        if (std::ssize(taken) >= count)
            return taken;
    }
    for (const std::int64_t index : others)
        if (std::ssize(taken) < count)
            taken.push_back(index);
    return taken;
}

} // namespace midpoint::difficulty
