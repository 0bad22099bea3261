#include "backend/difficulty/gumbel.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace midpoint::difficulty {
namespace {

struct Candidate {
    double score = 0.0;
    PromptId id = 0;
    std::int64_t index = 0;
};

bool isBlocked(std::span<const std::uint8_t> blocked, std::size_t index)
{
    return !blocked.empty() && blocked[index] != 0;
}

double logitAt(std::span<const double> logits, std::size_t index)
{
    return logits.empty() ? 0.0 : logits[index];
}

template <typename Score> std::vector<std::int64_t> largest(const GumbelDraw& draw, Score score)
{
    std::vector<Candidate> candidates;
    candidates.reserve(draw.ids.size());
    for (std::size_t i = 0; i < draw.ids.size(); ++i) {
        // Not "== -infinity": a prediction that is not a number can be no reason to choose a prompt either.
        if (isBlocked(draw.blocked, i) || !(logitAt(draw.logits, i) > -std::numeric_limits<double>::infinity()))
            continue;
        candidates.push_back({ score(i), draw.ids[i], static_cast<std::int64_t>(i) });
    }
    const auto count
        = std::min(static_cast<std::ptrdiff_t>(std::max<std::int64_t>(draw.count, 0)), std::ssize(candidates));
    std::partial_sort(candidates.begin(), candidates.begin() + count, candidates.end(),
        [](const Candidate& a, const Candidate& b) { return a.score != b.score ? a.score > b.score : a.id < b.id; });
    std::vector<std::int64_t> result;
    result.reserve(static_cast<std::size_t>(count));
    for (std::ptrdiff_t i = 0; i < count; ++i)
        result.push_back(candidates[static_cast<std::size_t>(i)].index);
    return result;
}

} // namespace

std::vector<std::int64_t> gumbelTopK(const GumbelDraw& draw)
{
    return largest(draw, [&](std::size_t i) {
        RngKey key = draw.key;
        key.prompt = draw.ids[i];
        return logitAt(draw.logits, i) + Rng(key).gumbel();
    });
}

std::vector<std::int64_t> plainTopK(const GumbelDraw& draw)
{
    return largest(draw, [&](std::size_t i) { return logitAt(draw.logits, i); });
}

double drawEntropy(std::span<const double> logits, std::span<const std::uint8_t> blocked)
{
    double highest = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < logits.size(); ++i)
        if (!isBlocked(blocked, i) && logits[i] > highest)
            highest = logits[i];
    // H = log Z - sum w (l - max) / Z with w = exp(l - max)
    double total = 0.0;
    double weighted = 0.0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
        const double shifted = logits[i] - highest;
        const double weight = std::exp(shifted);
        if (isBlocked(blocked, i) || !(weight > 0.0))
            continue;
        total += weight;
        weighted += weight * shifted;
    }
    return total > 0.0 ? std::log(total) - weighted / total : 0.0;
}

} // namespace midpoint::difficulty
