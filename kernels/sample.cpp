#include "kernels/sample.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "kernels/parallel_rows.h"
#include "kernels/sample_cpu.h"

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

namespace midpoint::kernels {
namespace {

void check(const SampleSettings& settings, const SampleArguments& arguments)
{
    if (!(settings.temperature >= 0) || settings.topK < 0 || !(settings.topP > 0) || settings.topP > 1)
        throw Error(ErrorKind::Internal,
            concat("sample: temperature ", settings.temperature, ", top-k ", settings.topK, ", top-p ", settings.topP,
                "; expected temperature >= 0, top-k >= 0 and top-p in (0, 1]"));
    if (arguments.rows < 0 || arguments.vocabulary <= 0 || arguments.stride < arguments.vocabulary)
        throw Error(ErrorKind::Internal,
            concat("sample: ", arguments.rows, " rows of ", arguments.vocabulary, " logits, stride ", arguments.stride));
}

// The tokens that top-k and top-p keep, largest first.
class Truncation {
public:
    Truncation(const SampleSettings& settings, CpuIsa isa)
        : m_settings(settings)
        , m_collect(MIDPOINT_CHOOSE_ISA(isa, collectAtLeast))
    {
    }

    std::int32_t draw(const SampleRow& row, const SampleBlocks& blocks, double uniform)
    {
        const bool hasTopK = m_settings.topK > 0 && m_settings.topK < row.vocabulary;
        if (hasTopK)
            keepTopK(row, blocks);
        else
            keepMass(row, blocks);
        m_weights.clear();
        for (const std::int32_t id : m_ids)
            m_weights.push_back(weightOf(row, blocks, id));
        cutAtTopP(hasTopK ? std::accumulate(m_weights.begin(), m_weights.end(), 0.0) : blocks.total);
        const double target = uniform * std::accumulate(m_weights.begin(), m_weights.end(), 0.0);
        double sum = 0;
        for (std::size_t i = 0; i < m_ids.size(); ++i)
            if ((sum += m_weights[i]) > target)
                return m_ids[i];
        return m_ids.back();
    }

private:
    void collect(const SampleRow& row, float bound)
    {
        m_buffer.resize(static_cast<std::size_t>(row.vocabulary));
        m_ids.assign(m_buffer.begin(), m_buffer.begin() + m_collect(row, bound, m_buffer.data()));
        std::sort(m_ids.begin(), m_ids.end(), [&](std::int32_t a, std::int32_t b) {
            const float za = row.logits[a] * row.factor;
            const float zb = row.logits[b] * row.factor;
            return za != zb ? za > zb : a < b;
        });
    }

    // The k-th largest of the blocks' maxima is not above the k-th largest value: few others reach it.
    void keepTopK(const SampleRow& row, const SampleBlocks& blocks)
    {
        const auto k = static_cast<std::size_t>(m_settings.topK);
        float bound = -std::numeric_limits<float>::infinity();
        if (m_settings.topK <= blocks.count) {
            std::vector<float> maxima(blocks.maximum, blocks.maximum + blocks.count);
            std::nth_element(maxima.begin(), maxima.begin() + static_cast<std::ptrdiff_t>(k - 1), maxima.end(), std::greater<>());
            bound = maxima[k - 1];
        }
        collect(row, bound);
        m_ids.resize(std::min(m_ids.size(), k));
    }

    // At least the tokens that make up the share topP of the probability.
    void keepMass(const SampleRow& row, const SampleBlocks& blocks)
    {
        constexpr double kRoundingRoom = 1.0 + 1e-6; // the total is a sum of float32 exponentials
        for (const float depth : { 4.0F, 8.0F, 16.0F, std::numeric_limits<float>::infinity() }) {
            collect(row, blocks.top - depth);
            double sum = 0;
            for (const std::int32_t id : m_ids)
                sum += weightOf(row, blocks, id);
            if (sum >= m_settings.topP * blocks.total * kRoundingRoom)
                return;
        }
    }

    // The shortest prefix that reaches topP of the total.
    void cutAtTopP(double total)
    {
        double sum = 0;
        for (std::size_t i = 0; i < m_weights.size() && m_settings.topP < 1.0; ++i)
            if ((sum += m_weights[i]) >= m_settings.topP * total) {
                m_weights.resize(i + 1);
                m_ids.resize(i + 1);
            }
    }

    static double weightOf(const SampleRow& row, const SampleBlocks& blocks, std::int32_t id)
    {
        return std::exp(static_cast<double>(row.logits[id] * row.factor - blocks.top));
    }

    SampleSettings m_settings;
    decltype(&baseline::collectAtLeast) m_collect;
    std::vector<std::int32_t> m_buffer; // [vocabulary]
    std::vector<std::int32_t> m_ids;
    std::vector<double> m_weights;
};

void sampleRows(const SampleSettings& settings, const SampleArguments& arguments, CpuIsa isa, std::int64_t begin, std::int64_t end)
{
    const bool isGreedy = settings.temperature == 0;
    const bool isTruncated = settings.topP < 1.0 || (settings.topK > 0 && settings.topK < arguments.vocabulary);
    const auto measure = MIDPOINT_CHOOSE_ISA(isa, measureBlocks);
    const auto drawFromAll = MIDPOINT_CHOOSE_ISA(isa, drawByInversion);
    const auto largest = MIDPOINT_CHOOSE_ISA(isa, largestToken);
    Truncation truncation(settings, isa);
    SampleBlocks blocks;
    for (std::int64_t r = begin; r < end; ++r) {
        const SampleRow row { arguments.logits + r * arguments.stride, arguments.vocabulary,
            isGreedy ? 1.0F : static_cast<float>(1.0 / settings.temperature) };
        measure(row, blocks);
        if (!std::isfinite(blocks.top) || !std::isfinite(blocks.total))
            throw Error(ErrorKind::Numeric, concat("sampling: row ", r, " of the logits is not finite"));
        const double uniform = arguments.uniform[r];
        const std::int32_t token = isGreedy ? largest(row, blocks)
            : isTruncated                   ? truncation.draw(row, blocks, uniform)
                                            : drawFromAll(row, blocks, uniform * blocks.total);
        arguments.token[r] = token;
        arguments.logprob[r]
            = static_cast<float>(static_cast<double>(row.logits[token] * row.factor - blocks.top) - std::log(blocks.total));
    }
}

} // namespace

void sample(const SampleSettings& settings, const SampleArguments& arguments, CpuIsa isa)
{
    check(settings, arguments);
    forEachRowRange(arguments.rows, arguments.vocabulary,
        [&](std::int64_t begin, std::int64_t end) { sampleRows(settings, arguments, isa, begin, end); });
}

} // namespace midpoint::kernels
