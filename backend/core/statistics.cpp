#include "backend/core/statistics.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace midpoint::statistics {
namespace {

double count(std::span<const double> values)
{
    return static_cast<double>(values.size());
}

double sum(std::span<const double> values)
{
    return std::accumulate(values.begin(), values.end(), 0.0);
}

void expectSameSize(std::size_t first, std::size_t second, const char* what)
{
    if (first != second)
        throw Error(ErrorKind::Internal, concat(what, ": ", first, " values against ", second));
}

bool isConstant(std::span<const double> values)
{
    return std::all_of(values.begin(), values.end(), [&](double value) { return value == values.front(); });
}

// Fisher: atanh(r) is about normal with deviation 1 / sqrt(n - 3).
std::optional<Interval> fisherInterval(double r, std::int64_t pairs)
{
    if (pairs <= 3)
        return std::nullopt;
    if (std::abs(r) >= 1.0)
        return Interval { r, r };
    const double half = kNormal95 / std::sqrt(static_cast<double>(pairs - 3));
    return Interval { std::tanh(std::atanh(r) - half), std::tanh(std::atanh(r) + half) };
}

double resampledMean(std::span<const double> values, Rng& rng)
{
    const auto size = static_cast<std::int64_t>(values.size());
    double total = 0.0;
    for (std::int64_t i = 0; i < size; ++i)
        total += values[static_cast<std::size_t>(rng.below(size))];
    return total / count(values);
}

} // namespace

std::optional<double> mean(std::span<const double> values)
{
    if (values.empty())
        return std::nullopt;
    return sum(values) / count(values);
}

std::optional<double> variance(std::span<const double> values)
{
    if (values.size() < 2)
        return std::nullopt;
    const double centre = *mean(values);
    double squares = 0.0;
    for (const double value : values)
        squares += (value - centre) * (value - centre);
    return squares / (count(values) - 1.0);
}

std::optional<double> deviation(std::span<const double> values)
{
    const std::optional<double> squared = variance(values);
    return squared ? std::optional(std::sqrt(*squared)) : std::nullopt;
}

std::optional<double> weightedMean(std::span<const double> values, std::span<const double> weights)
{
    expectSameSize(values.size(), weights.size(), "weighted mean");
    const double total = sum(weights);
    if (total <= 0.0)
        return std::nullopt;
    return std::inner_product(values.begin(), values.end(), weights.begin(), 0.0) / total;
}

std::optional<double> weightedVariance(std::span<const double> values, std::span<const double> weights)
{
    const std::optional<double> centre = weightedMean(values, weights);
    if (!centre)
        return std::nullopt;
    const double total = sum(weights);
    double squares = 0.0;
    double squaredWeights = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        squares += weights[i] * (values[i] - *centre) * (values[i] - *centre);
        squaredWeights += weights[i] * weights[i];
    }
    const double freedom = total - squaredWeights / total;
    // One weight alone carries no information about spread; rounding may leave a trace of it.
    if (freedom <= 1e-12 * total)
        return std::nullopt;
    return squares / freedom;
}

std::optional<double> quantile(std::span<const double> values, double probability)
{
    if (values.empty() || !(probability >= 0.0 && probability <= 1.0))
        return std::nullopt;
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    const double position = probability * (count(values) - 1.0);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Correlation pearson(std::span<const double> x, std::span<const double> y)
{
    expectSameSize(x.size(), y.size(), "correlation");
    Correlation result;
    result.pairs = static_cast<std::int64_t>(x.size());
    if (x.size() < 2) {
        result.undefinedBecause = concat("needs at least 2 pairs, found ", x.size());
        return result;
    }
    // Compared exactly: the rounding of a mean leaves a small spurious variance in equal values.
    if (isConstant(x) || isConstant(y)) {
        result.undefinedBecause = isConstant(x) ? "all first values are equal" : "all second values are equal";
        return result;
    }
    const double xMean = *mean(x);
    const double yMean = *mean(y);
    double xx = 0.0;
    double yy = 0.0;
    double xy = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        xx += (x[i] - xMean) * (x[i] - xMean);
        yy += (y[i] - yMean) * (y[i] - yMean);
        xy += (x[i] - xMean) * (y[i] - yMean);
    }
    const double r = xy / (std::sqrt(xx) * std::sqrt(yy));
    if (!std::isfinite(r)) {
        result.undefinedBecause = "a value is not finite, or the variation is too small to be measured";
        return result;
    }
    result.value = std::clamp(r, -1.0, 1.0);
    result.interval = fisherInterval(*result.value, result.pairs);
    return result;
}

std::vector<double> ranks(std::span<const double> values)
{
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t { 0 });
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
    std::vector<double> result(values.size());
    for (std::size_t first = 0; first < order.size();) {
        std::size_t last = first;
        while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]])
            ++last;
        const double shared = 0.5 * static_cast<double>(first + last) + 1.0;
        for (std::size_t i = first; i <= last; ++i)
            result[order[i]] = shared;
        first = last + 1;
    }
    return result;
}

Correlation spearman(std::span<const double> x, std::span<const double> y)
{
    return pearson(ranks(x), ranks(y));
}

std::optional<double> meanAbsoluteError(std::span<const double> predicted, std::span<const double> measured)
{
    expectSameSize(predicted.size(), measured.size(), "mean absolute error");
    if (predicted.empty())
        return std::nullopt;
    double total = 0.0;
    for (std::size_t i = 0; i < predicted.size(); ++i)
        total += std::abs(predicted[i] - measured[i]);
    return total / count(predicted);
}

std::optional<double> bias(std::span<const double> predicted, std::span<const double> measured)
{
    expectSameSize(predicted.size(), measured.size(), "bias");
    if (predicted.empty())
        return std::nullopt;
    return (sum(predicted) - sum(measured)) / count(predicted);
}

std::optional<double> brier(std::span<const ProbabilityOutcome> outcomes)
{
    double total = 0.0;
    std::int64_t trials = 0;
    for (const ProbabilityOutcome& outcome : outcomes) {
        const double hit = (1.0 - outcome.predicted) * (1.0 - outcome.predicted);
        const double miss = outcome.predicted * outcome.predicted;
        total += static_cast<double>(outcome.successes) * hit
            + static_cast<double>(outcome.attempts - outcome.successes) * miss;
        trials += outcome.attempts;
    }
    if (trials == 0)
        return std::nullopt;
    return total / static_cast<double>(trials);
}

std::optional<double> calibrationError(std::span<const ProbabilityOutcome> outcomes, std::int64_t bins)
{
    struct Bin {
        double predicted = 0.0; // summed over trials
        double successes = 0.0;
    };
    std::vector<Bin> content(static_cast<std::size_t>(std::max<std::int64_t>(bins, 1)));
    double trials = 0.0;
    for (const ProbabilityOutcome& outcome : outcomes) {
        const double scaled = std::clamp(outcome.predicted, 0.0, 1.0) * static_cast<double>(content.size());
        Bin& bin = content[std::min(static_cast<std::size_t>(scaled), content.size() - 1)];
        bin.predicted += outcome.predicted * static_cast<double>(outcome.attempts);
        bin.successes += static_cast<double>(outcome.successes);
        trials += static_cast<double>(outcome.attempts);
    }
    if (trials == 0.0)
        return std::nullopt;
    double error = 0.0; // sum over bins of (trials in it / trials) |mean predicted - rate|
    for (const Bin& bin : content)
        error += std::abs(bin.predicted - bin.successes);
    return error / trials;
}

std::optional<Interval> wilson(std::int64_t successes, std::int64_t attempts, double z)
{
    if (attempts <= 0)
        return std::nullopt;
    const auto n = static_cast<double>(attempts);
    const double rate = static_cast<double>(successes) / n;
    const double scale = 1.0 + z * z / n;
    const double centre = (rate + z * z / (2.0 * n)) / scale;
    const double half = z / scale * std::sqrt(rate * (1.0 - rate) / n + z * z / (4.0 * n * n));
    // At 0 and 1 the ends are exact; rounding must not move them past.
    return Interval { successes == 0 ? 0.0 : std::max(0.0, centre - half),
        successes == attempts ? 1.0 : std::min(1.0, centre + half) };
}

std::optional<NoiseCeiling> noiseCeiling(std::span<const ProbabilityOutcome> outcomes)
{
    std::vector<double> rates;
    double noise = 0.0;
    for (const ProbabilityOutcome& outcome : outcomes) {
        if (outcome.attempts < 2)
            continue;
        const auto n = static_cast<double>(outcome.attempts);
        const double rate = static_cast<double>(outcome.successes) / n;
        rates.push_back(rate);
        // E[rate (1 - rate)] = p (1 - p) (n - 1) / n, so this estimates the variance p (1 - p) / n without bias.
        noise += rate * (1.0 - rate) / (n - 1.0);
    }
    const std::optional<double> measured = variance(rates);
    if (!measured || isConstant(rates))
        return std::nullopt;
    NoiseCeiling result;
    result.measuredVariance = *measured;
    result.noiseVariance = noise / count(rates);
    result.trueVariance = std::max(0.0, result.measuredVariance - result.noiseVariance);
    result.pearson = std::sqrt(result.trueVariance / result.measuredVariance);
    return result;
}

void Ema::add(double value)
{
    m_sum = m_decay * m_sum + (1.0 - m_decay) * value;
    m_weight = m_decay * m_weight + (1.0 - m_decay);
}

std::optional<double> Ema::value() const
{
    return m_weight > 0.0 ? std::optional(m_sum / m_weight) : std::nullopt;
}

std::optional<MeanDifference> bootstrapMeanDifference(
    std::span<const double> a, std::span<const double> b, Rng& rng, std::int64_t resamples, double confidence)
{
    if (a.empty() || b.empty() || resamples < 1)
        return std::nullopt;
    std::vector<double> differences;
    differences.reserve(static_cast<std::size_t>(resamples));
    for (std::int64_t i = 0; i < resamples; ++i)
        differences.push_back(resampledMean(a, rng) - resampledMean(b, rng));
    const double tail = 0.5 * (1.0 - confidence);
    return MeanDifference { *mean(a) - *mean(b), { *quantile(differences, tail), *quantile(differences, 1.0 - tail) } };
}

} // namespace midpoint::statistics
