#include "backend/replay/fresh_fraction.h"

#include <algorithm>

namespace midpoint::replay {
namespace {

constexpr std::int64_t kUnmeasuredSteps = 1; // the first one warms up
constexpr std::int64_t kMeasuredSteps = 4;
constexpr double kDecay = 0.8;
constexpr double kFullGain = 2.0; // replayed worth per price, in that of fresh groups, from which replay is used in full

} // namespace

void FreshFraction::observe(const FreshFractionFacts& facts, const config::ReplaySection& settings)
{
    State& s = m_state;
    for (double* sum : { &s.generated, &s.freshGroups, &s.freshTokens, &s.replayedGroups, &s.replayedTokens, &s.effectiveShare })
        *sum *= kDecay;
    s.generated += static_cast<double>(facts.generatedTokens);
    s.freshGroups += static_cast<double>(facts.freshGroups);
    s.freshTokens += static_cast<double>(facts.freshTokens);
    s.replayedGroups += static_cast<double>(facts.replayedGroups);
    s.replayedTokens += static_cast<double>(facts.replayedTokens);
    s.effectiveShare += facts.effectiveShare * static_cast<double>(facts.replayedGroups);
    if (settings.costRatio > 0.0 || s.measuredSteps > kMeasuredSteps)
        return;
    if (s.measuredSteps++ >= kUnmeasuredSteps) {
        s.generationSeconds += facts.generationSeconds;
        s.generationTokens += static_cast<double>(facts.generatedTokens);
        s.trainingSeconds += facts.trainingSeconds;
        s.trainingTokens += static_cast<double>(facts.trainedTokens);
    }
    if (s.measuredSteps > kMeasuredSteps && s.generationTokens > 0.0 && s.trainingTokens > 0.0 && s.generationSeconds > 0.0)
        s.costRatio = s.trainingSeconds / s.trainingTokens / (s.generationSeconds / s.generationTokens);
}

double FreshFraction::fraction(const config::ReplaySection& settings) const
{
    const State& s = m_state;
    const double ratio = settings.costRatio > 0.0 ? settings.costRatio : s.costRatio;
    if (!settings.adaptiveFresh)
        return settings.freshFraction;
    if (ratio <= 0.0)
        return 1.0; // nothing is replayed before it is known to pay: the first steps move the policy most
    if (s.freshGroups <= 0.0 || s.freshTokens <= 0.0)
        return settings.freshFraction;
    // Per group with signal, in generated tokens. Groups without signal are paid for by those with it.
    const double freshPrice = (s.generated + ratio * s.freshTokens) / s.freshGroups;
    const double replayedTokens = s.replayedGroups > 0.0 ? s.replayedTokens / s.replayedGroups : s.freshTokens / s.freshGroups;
    const double share = s.replayedGroups > 0.0 ? s.effectiveShare / s.replayedGroups : 1.0;
    const double gain = settings.relativeValue * share * freshPrice / (ratio * std::max(replayedTokens, 1.0));
    const double use = std::clamp((gain - 1.0) / (kFullGain - 1.0), 0.0, 1.0);
    return 1.0 - (1.0 - settings.freshFraction) * use;
}

} // namespace midpoint::replay
