#include "backend/difficulty/simulation.h"

#include "backend/core/error.h"
#include "backend/core/rng.h"
#include "backend/core/statistics.h"
#include "backend/core/text.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace midpoint::difficulty {
namespace {

std::size_t at(std::int64_t index)
{
    return static_cast<std::size_t>(index);
}

double effectiveChance(double rate, std::int64_t samples)
{
    const auto n = static_cast<double>(samples);
    return 1.0 - std::pow(rate, n) - std::pow(1.0 - rate, n);
}

LedgerEntry rollOut(const Choice& choice, double rate, std::int64_t step, const SimulationOptions& options)
{
    RngKey key;
    key.seed = options.seed;
    key.purpose = DrawPurpose::Simulation;
    key.step = step;
    key.prompt = choice.prompt;
    key.sample = static_cast<std::int64_t>(choice.purpose());
    Rng rng(key);
    LedgerEntry entry;
    entry.prompt = choice.prompt;
    entry.step = step;
    entry.purpose = choice.purpose();
    entry.attempts = static_cast<std::int32_t>(options.samplesPerPrompt);
    for (std::int64_t sample = 0; sample < options.samplesPerPrompt; ++sample)
        entry.successes += rng.uniform() < rate ? 1 : 0;
    return entry;
}

void judgeBelief(const Estimates& estimates, std::span<const double> rates, SimulatedRound& round)
{
    if (estimates.mean.empty())
        return;
    round.pearson = statistics::pearson(estimates.mean, rates).value;
    round.meanAbsoluteError = statistics::meanAbsoluteError(estimates.mean, rates);
    round.bias = *statistics::bias(estimates.mean, rates);
}

// The round's choice beside a uniform and the best possible one, all by the true rates at its first step.
void judgeChoice(
    const std::vector<std::int64_t>& chosen, std::span<const double> rates, std::int64_t samples, SimulatedRound& round)
{
    round.chosen = std::ssize(chosen);
    if (chosen.empty())
        return;
    const auto count = static_cast<double>(chosen.size());
    for (const std::int64_t index : chosen) {
        const double rate = rates[at(index)];
        round.effectiveRatio += effectiveChance(rate, samples) / count;
        round.signal += rate * (1.0 - rate) / count;
    }
    std::vector<double> chances;
    for (const double rate : rates)
        chances.push_back(effectiveChance(rate, samples));
    round.poolEffectiveRatio = *statistics::mean(chances);
    const auto best = chances.begin() + std::min(std::ssize(chosen), std::ssize(chances));
    std::partial_sort(chances.begin(), best, chances.end(), std::greater<>());
    round.bestEffectiveRatio
        = std::accumulate(chances.begin(), best, 0.0) / static_cast<double>(best - chances.begin());
}

} // namespace

std::vector<SimulatedRound> simulate(
    const Truth& truth, Selector& selector, std::int64_t intervalSteps, const SimulationOptions& options)
{
    std::vector<SimulatedRound> rounds;
    std::vector<std::int64_t> chosen;
    std::vector<double> rates(at(truth.pool().size()));
    std::vector<double> ratesAtStart;
    Ledger ledger;
    std::int64_t rollouts = 0;
    const auto rollOutAll = [&](const std::vector<Choice>& choices, std::int64_t step) {
        for (const Choice& choice : choices) {
            ledger.add(rollOut(choice, rates[at(choice.index)], step, options));
            rollouts += options.samplesPerPrompt;
        }
    };
    const auto endRound = [&] {
        if (rounds.empty())
            return;
        judgeChoice(chosen, ratesAtStart, options.samplesPerPrompt, rounds.back());
        rounds.back().rolloutsSoFar = rollouts;
        chosen.clear();
    };
    for (std::int64_t step = 0; step < truth.steps(); ++step) {
        truth.ratesAt(step, rates);
        if (selector.startsRound(step)) {
            endRound();
            rollOutAll(selector.chooseReferences(step), step);
            selector.beginRound(step, ledger, intervalSteps * options.promptsPerStep);
            rounds.emplace_back();
            rounds.back().step = step;
            judgeBelief(selector.estimates(), rates, rounds.back());
            ratesAtStart = rates;
        }
        const std::vector<Choice> batch = selector.take(step, options.promptsPerStep);
        for (const Choice& choice : batch)
            chosen.push_back(choice.index);
        rollOutAll(batch, step);
    }
    endRound();
    return rounds;
}

} // namespace midpoint::difficulty
