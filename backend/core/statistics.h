// The statistics that the loop, the reports and the window share. All in double, over spans, without state (but Ema).
// Where a quantity is undefined (too few values, no variation) the answer is empty, never a number that looks like one.
#pragma once

#include "backend/core/rng.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace midpoint::statistics {

struct Interval {
    double low = 0.0;
    double high = 0.0;
};

constexpr double kNormal95 = 1.959963984540054; // two-sided 95 % quantile of the standard normal

std::optional<double> mean(std::span<const double> values);
std::optional<double> variance(std::span<const double> values); // unbiased, n - 1
std::optional<double> deviation(std::span<const double> values); // square root of it
std::optional<double> weightedMean(std::span<const double> values, std::span<const double> weights);
// Reliability weights: sum w (x - m)^2 / (sum w - sum w^2 / sum w); unbiased when weights are inverse variances up to a
// factor.
std::optional<double> weightedVariance(std::span<const double> values, std::span<const double> weights);
// Linear interpolation between order statistics (type 7 of Hyndman and Fan), probability in [0, 1].
std::optional<double> quantile(std::span<const double> values, double probability);

struct Correlation {
    std::optional<double> value;
    std::optional<Interval> interval; // 95 %, Fisher's z; needs more than 3 pairs
    std::int64_t pairs = 0;
    std::string undefinedBecause; // why there is no value
};
Correlation pearson(std::span<const double> x, std::span<const double> y);
Correlation spearman(std::span<const double> x, std::span<const double> y); // ties get their mean rank
std::vector<double> ranks(std::span<const double> values); // 1-based, ties get their mean rank

std::optional<double> meanAbsoluteError(std::span<const double> predicted, std::span<const double> measured);
std::optional<double> bias(
    std::span<const double> predicted, std::span<const double> measured); // mean of predicted - measured

// A predicted probability and how often the event happened in how many trials.
struct ProbabilityOutcome {
    double predicted = 0.0;
    std::int64_t successes = 0;
    std::int64_t attempts = 0;
};
// Mean over trials of (predicted - outcome)^2.
std::optional<double> brier(std::span<const ProbabilityOutcome> outcomes);
// Expected calibration error: bins of equal width, weighted by trials.
std::optional<double> calibrationError(std::span<const ProbabilityOutcome> outcomes, std::int64_t bins = 10);

// Wilson's score interval of a success rate.
std::optional<Interval> wilson(std::int64_t successes, std::int64_t attempts, double z = kNormal95);

// Measured success rates vary because true rates do and because each was measured with finitely many rollouts.
struct NoiseCeiling {
    double measuredVariance = 0.0; // of the measured rates
    double noiseVariance = 0.0; // mean of the unbiased p(1-p)/(n-1) of each
    double trueVariance = 0.0; // the difference, not below 0
    double pearson = 0.0; // sqrt(true / measured): what a perfect predictor reaches against these measurements
};
// Needs at least two prompts with at least two rollouts each (others are left out) and some variation.
std::optional<NoiseCeiling> noiseCeiling(std::span<const ProbabilityOutcome> outcomes);

// Exponential moving average with the start-up bias removed: the first value counts fully.
class Ema {
public:
    explicit Ema(double decay)
        : m_decay(decay)
    {
    }
    void add(double value);
    std::optional<double> value() const;

private:
    double m_decay;
    double m_sum = 0.0;
    double m_weight = 0.0;
};

struct MeanDifference {
    double difference = 0.0; // mean(a) - mean(b)
    Interval interval; // percentile bootstrap
};
// Resamples a and b independently; `confidence` as 0.95.
std::optional<MeanDifference> bootstrapMeanDifference(std::span<const double> a, std::span<const double> b, Rng& rng,
    std::int64_t resamples = 2000, double confidence = 0.95);

} // namespace midpoint::statistics
