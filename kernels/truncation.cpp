#include "kernels/truncation.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace midpoint::kernels {
namespace {

template <class Iterator> double massOf(Iterator first, Iterator last)
{
    double sum = 0;
    for (; first != last; ++first)
        sum += static_cast<double>(first->weight);
    return sum;
}

// A pivot that is neither the first nor the last of the range in falling order: the range holds at least three.
template <class Iterator> auto medianOfThree(Iterator first, Iterator last)
{
    const auto &a = *first, &b = *(first + (last - first) / 2), &c = *(last - 1);
    return a < b ? (b < c ? b : std::max(a, c)) : (a < c ? a : std::max(b, c));
}

} // namespace

Truncation::Truncation(const SampleSettings& settings, CpuIsa isa)
    : m_settings(settings)
    , m_collect(MIDPOINT_CHOOSE_ISA(isa, collectAtLeast))
{
}

std::int32_t Truncation::draw(const SampleRow& row, const SampleBlocks& blocks, double uniform)
{
    const bool hasTopK = m_settings.topK > 0 && m_settings.topK < row.vocabulary;
    if (hasTopK)
        keepTopK(row, blocks);
    else
        keepMass(row, blocks);
    if (m_settings.topP < 1.0) {
        const double share = m_settings.topP * (hasTopK ? mass() : blocks.total);
        const auto last = selectByMass([share](double sum) { return sum >= share; });
        m_kept.erase(last + 1, m_kept.end());
    }
    const double target = uniform * mass();
    return selectByMass([target](double sum) { return sum > target; })->id;
}

// The k-th largest of the blocks' maxima is not above the k-th largest value: few others reach it.
void Truncation::keepTopK(const SampleRow& row, const SampleBlocks& blocks)
{
    const auto k = static_cast<std::ptrdiff_t>(m_settings.topK);
    float bound = -std::numeric_limits<float>::infinity();
    if (m_settings.topK <= blocks.count) {
        std::vector<float> maxima(blocks.maximum, blocks.maximum + blocks.count);
        std::nth_element(maxima.begin(), maxima.begin() + (k - 1), maxima.end(), std::greater<>());
        bound = maxima[static_cast<std::size_t>(k - 1)];
    }
    collect(row, blocks, bound);
    if (m_settings.topK < static_cast<std::int64_t>(m_kept.size())) {
        std::nth_element(m_kept.begin(), m_kept.begin() + k, m_kept.end());
        m_kept.resize(static_cast<std::size_t>(k));
    }
}

// At least the tokens that make up the share topP of the probability.
void Truncation::keepMass(const SampleRow& row, const SampleBlocks& blocks)
{
    constexpr double kRoundingRoom = 1.0 + 1e-6; // the total is a sum of float32 exponentials
    for (const float depth : { 4.0F, 8.0F, 16.0F, std::numeric_limits<float>::infinity() }) {
        collect(row, blocks, blocks.top - depth);
        if (mass() >= m_settings.topP * blocks.total * kRoundingRoom)
            return;
    }
}

void Truncation::collect(const SampleRow& row, const SampleBlocks& blocks, float bound)
{
    m_ids.resize(static_cast<std::size_t>(row.vocabulary));
    m_weights.resize(static_cast<std::size_t>(row.vocabulary));
    const auto count = static_cast<std::size_t>(m_collect(row, blocks.top, bound, m_ids.data(), m_weights.data()));
    m_kept.resize(count);
    for (std::size_t i = 0; i < count; ++i)
        m_kept[i] = { row.logits[m_ids[i]] * row.factor, m_weights[i], m_ids[i] };
}

double Truncation::mass() const { return massOf(m_kept.begin(), m_kept.end()); }

// Partly orders what is kept and returns the token in falling order with which the running sum of weights has reached the goal;
// all before it in memory are before it in order. The last token if rounding keeps the sum from the goal.
template <class HasReached> Truncation::Candidates::iterator Truncation::selectByMass(HasReached hasReached)
{
    constexpr std::ptrdiff_t kFew = 32;
    auto first = m_kept.begin();
    auto last = m_kept.end();
    double before = 0;
    while (last - first > kFew) {
        const Candidate pivot = medianOfThree(first, last);
        const auto middle = std::partition(first, last, [&](const Candidate& each) { return !(pivot < each); });
        const double upper = massOf(first, middle);
        if (hasReached(before + upper)) {
            last = middle;
        } else {
            before += upper;
            first = middle;
        }
    }
    std::sort(first, last);
    for (; first + 1 != last; ++first)
        if (hasReached(before += static_cast<double>(first->weight)))
            return first;
    return first;
}

} // namespace midpoint::kernels
