#include "backend/difficulty/measures.h"

namespace midpoint::difficulty {
namespace {

constexpr std::int64_t kFewestForCorrelation = 3; // that of two prompts is always 1 or -1

} // namespace

PredictionMeasures measurePredictions(std::span<const PredictionPair> pairs)
{
    std::vector<double> predicted;
    std::vector<double> measured;
    std::vector<statistics::ProbabilityOutcome> outcomes;
    for (const PredictionPair& pair : pairs) {
        if (pair.attempts == 0)
            continue;
        predicted.push_back(pair.predicted);
        measured.push_back(static_cast<double>(pair.successes) / static_cast<double>(pair.attempts));
        outcomes.push_back({ pair.predicted, pair.successes, pair.attempts });
    }
    PredictionMeasures result;
    result.pairs = static_cast<std::int64_t>(predicted.size());
    result.pearson = statistics::pearson(predicted, measured);
    result.spearman = statistics::spearman(predicted, measured);
    if (result.pairs < kFewestForCorrelation)
        for (statistics::Correlation* correlation : { &result.pearson, &result.spearman }) {
            correlation->value.reset();
            correlation->undefinedBecause = "too few prompts";
        }
    result.meanAbsoluteError = statistics::meanAbsoluteError(predicted, measured);
    result.bias = statistics::bias(predicted, measured);
    result.brier = statistics::brier(outcomes);
    result.calibrationError = statistics::calibrationError(outcomes);
    if (const auto ceiling = statistics::noiseCeiling(outcomes))
        result.noiseCeiling = ceiling->pearson;
    return result;
}

std::vector<PredictionPair> pairWithEstimates(
    std::span<const Group* const> groups, const Estimates& estimates, const PromptPool& pool)
{
    std::vector<PredictionPair> pairs;
    if (estimates.mean.empty())
        return pairs;
    for (const Group* group : groups) {
        const std::optional<std::int64_t> index = pool.indexOf(group->prompt);
        if (!index)
            continue;
        const LedgerEntry entry = summarise(*group);
        pairs.push_back({ *index, estimates.mean[static_cast<std::size_t>(*index)], entry.successes, entry.attempts });
    }
    return pairs;
}

ChoiceMeasures measureChoice(std::span<const Group* const> groups)
{
    ChoiceMeasures result;
    std::int64_t attempts = 0;
    std::int64_t successes = 0;
    std::int64_t withSignal = 0;
    std::int64_t correct = 0;
    std::int64_t wrong = 0;
    for (const Group* group : groups) {
        const std::int64_t solved = group->successes();
        const auto size = static_cast<std::int64_t>(group->rollouts.size());
        attempts += size;
        successes += solved;
        withSignal += group->hasSignal() ? 1 : 0;
        correct += size > 0 && solved == size ? 1 : 0;
        wrong += size > 0 && solved == 0 ? 1 : 0;
    }
    result.groups = static_cast<std::int64_t>(groups.size());
    if (result.groups == 0)
        return result;
    const auto count = static_cast<double>(result.groups);
    result.effectiveRatio = static_cast<double>(withSignal) / count;
    result.allCorrect = static_cast<double>(correct) / count;
    result.allWrong = static_cast<double>(wrong) / count;
    result.successRate = attempts > 0 ? static_cast<double>(successes) / static_cast<double>(attempts) : 0.0;
    return result;
}

} // namespace midpoint::difficulty
