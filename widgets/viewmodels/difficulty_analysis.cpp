// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/difficulty_analysis.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace midpoint::gui {

namespace {

constexpr std::size_t kCalibrationBins = 10;

bool isUniformPurpose(Purpose purpose) { return purpose == Purpose::Reference || purpose == Purpose::Explore || purpose == Purpose::Oracle; }

const store::PredictionRound* roundInForce(const std::vector<store::PredictionRound>& rounds, std::int64_t step)
{
    const auto after = std::upper_bound(
        rounds.begin(), rounds.end(), step, [](std::int64_t value, const store::PredictionRound& round) { return value < round.step; });
    return after == rounds.begin() ? nullptr : &*(after - 1);
}

bool isInBand(double difficulty, const DifficultyRequest& request) { return std::abs(difficulty - (1.0 - request.targetSuccess)) <= request.bandHalfWidth; }

std::vector<CalibrationBin> calibrationBins(const std::vector<DifficultyPair>& pairs)
{
    struct Sums {
        double predicted = 0.0;
        double measured = 0.0;
        std::int64_t failures = 0;
        std::int64_t attempts = 0;
        std::int64_t prompts = 0;
    };
    std::vector<Sums> sums(kCalibrationBins);
    for (const DifficultyPair& pair : pairs) {
        const auto index = std::min(static_cast<std::size_t>(pair.predicted * kCalibrationBins), kCalibrationBins - 1);
        Sums& bin = sums[index];
        bin.predicted += pair.predicted;
        bin.measured += pair.measured();
        bin.failures += pair.attempts - pair.successes;
        bin.attempts += pair.attempts;
        ++bin.prompts;
    }
    std::vector<CalibrationBin> bins;
    for (const Sums& bin : sums) {
        const auto interval = statistics::wilson(bin.failures, bin.attempts);
        if (bin.prompts == 0 || !interval)
            continue;
        const auto n = static_cast<double>(bin.prompts);
        bins.push_back({ bin.predicted / n, static_cast<double>(bin.failures) / static_cast<double>(bin.attempts), *interval,
            bin.prompts, bin.attempts });
    }
    return bins;
}

} // namespace

std::vector<store::Observation> measuredGroups(const std::vector<store::Observation>& observations, MeasuredSet set)
{
    std::vector<store::Observation> groups;
    std::copy_if(observations.begin(), observations.end(), std::back_inserter(groups), [set](const store::Observation& observation) {
        const bool isUniform = isUniformPurpose(observation.purpose);
        const bool isSelected = observation.purpose == Purpose::Train;
        return observation.attempts > 0 && ((isUniform && set != MeasuredSet::Selected) || (isSelected && set != MeasuredSet::Uniform));
    });
    return groups;
}

double measuredDifficulty(const store::Observation& group) { return 1.0 - static_cast<double>(group.successes) / static_cast<double>(group.attempts); }

MeasuredSummary summariseMeasured(const std::vector<store::Observation>& groups, const DifficultyRequest& request)
{
    MeasuredSummary summary;
    summary.groups = static_cast<std::int64_t>(groups.size());
    if (groups.empty())
        return summary;
    const auto n = static_cast<double>(groups.size());
    const auto share = [&](auto test) { return static_cast<double>(std::count_if(groups.begin(), groups.end(), test)) / n; };
    double sum = 0.0;
    for (const store::Observation& group : groups)
        sum += measuredDifficulty(group);
    summary.meanDifficulty = sum / n;
    summary.inBandShare = share([&](const store::Observation& group) { return isInBand(measuredDifficulty(group), request); });
    summary.allRightShare = share([](const store::Observation& group) { return group.successes == group.attempts; });
    summary.allWrongShare = share([](const store::Observation& group) { return group.successes == 0; });
    return summary;
}

std::vector<DifficultyPair> pairMeasurements(
    const std::vector<store::Observation>& observations, const std::vector<store::PredictionRound>& rounds, MeasuredSet set)
{
    std::vector<DifficultyPair> pairs;
    for (const store::Observation& observation : measuredGroups(observations, set)) {
        const store::PredictionRound* round = roundInForce(rounds, observation.step);
        const auto index = static_cast<std::size_t>(observation.promptIndex);
        if (round == nullptr || index >= round->successRates.size() || std::isnan(round->successRates[index]))
            continue;
        const double predicted = std::clamp(1.0 - static_cast<double>(round->successRates[index]), 0.0, 1.0);
        pairs.push_back({ observation.promptIndex, observation.step, predicted, observation.attempts, observation.successes, isUniformPurpose(observation.purpose) });
    }
    return pairs;
}

DifficultySummary summarise(const std::vector<DifficultyPair>& pairs, const DifficultyRequest& request)
{
    std::vector<double> predicted;
    std::vector<double> measured;
    std::vector<statistics::ProbabilityOutcome> outcomes; // of failing: difficulty is the probability of a failure
    std::int64_t inBand = 0;
    for (const DifficultyPair& pair : pairs) {
        predicted.push_back(pair.predicted);
        measured.push_back(pair.measured());
        outcomes.push_back({ pair.predicted, pair.attempts - pair.successes, pair.attempts });
        inBand += isInBand(pair.measured(), request) ? 1 : 0;
    }
    DifficultySummary summary;
    summary.pearson = statistics::pearson(predicted, measured);
    summary.spearman = statistics::spearman(predicted, measured);
    summary.meanAbsoluteError = statistics::meanAbsoluteError(predicted, measured);
    summary.bias = statistics::bias(predicted, measured);
    summary.calibrationError = statistics::calibrationError(outcomes);
    summary.ceiling = statistics::noiseCeiling(outcomes);
    summary.pairs = static_cast<std::int64_t>(pairs.size());
    summary.inBandShare = pairs.empty() ? 0.0 : static_cast<double>(inBand) / static_cast<double>(pairs.size());
    summary.bins = calibrationBins(pairs);
    return summary;
}

std::vector<HistoryPoint> historyPoints(const std::vector<store::Observation>& observations, std::size_t maximum)
{
    std::vector<HistoryPoint> points;
    const std::size_t stride = (observations.size() + maximum - 1) / std::max<std::size_t>(maximum, 1);
    for (std::size_t first = 0; first < observations.size(); first += stride) {
        const std::size_t last = std::min(first + stride, observations.size());
        double steps = 0.0;
        std::int64_t attempts = 0;
        std::int64_t failures = 0;
        for (std::size_t i = first; i < last; ++i) {
            steps += static_cast<double>(observations[i].step);
            attempts += observations[i].attempts;
            failures += observations[i].attempts - observations[i].successes;
        }
        if (const auto interval = statistics::wilson(failures, attempts))
            points.push_back({ steps / static_cast<double>(last - first), static_cast<double>(failures) / static_cast<double>(attempts), *interval, attempts });
    }
    return points;
}

std::vector<double> histogramShares(const std::vector<double>& values, std::size_t binCount)
{
    std::vector<double> shares(binCount, 0.0);
    double total = 0.0;
    for (const double value : values) {
        if (!std::isfinite(value))
            continue;
        const double position = std::clamp(value, 0.0, 1.0) * static_cast<double>(binCount);
        shares[std::min(static_cast<std::size_t>(position), binCount - 1)] += 1.0;
        total += 1.0;
    }
    for (double& share : shares)
        share = total > 0.0 ? share / total : 0.0;
    return shares;
}

} // namespace midpoint::gui
