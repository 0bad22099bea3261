// How good a belief and a choice were, measured on the groups that were rolled out after the prediction was made.
#pragma once

#include "backend/core/statistics.h"
#include "backend/difficulty/belief.h"

#include <optional>
#include <span>

namespace midpoint::difficulty {

// One prompt whose success rate was predicted and then measured.
using PredictionPair = ReferencePrediction;

struct PredictionMeasures {
    std::int64_t pairs = 0;
    statistics::Correlation pearson; // of predicted and measured rate, with interval
    statistics::Correlation spearman;
    std::optional<double> meanAbsoluteError; // against the measured rate, whose own noise is part of it
    std::optional<double> bias; // mean of predicted - measured
    std::optional<double> brier; // mean squared error per rollout
    std::optional<double> calibrationError; // expected calibration error, 10 bins
    std::optional<double> noiseCeiling; // the Pearson a perfect belief would reach against these measurements
};

PredictionMeasures measurePredictions(std::span<const PredictionPair> pairs);

// Pairs each group with what was estimated for its prompt before it was rolled out; groups outside the pool are left
// out.
std::vector<PredictionPair> pairWithEstimates(
    std::span<const Group* const> groups, const Estimates& estimates, const PromptPool& pool);

struct ChoiceMeasures {
    std::int64_t groups = 0;
    double effectiveRatio = 0.0; // share of groups with signal
    double allCorrect = 0.0; // share of groups where every rollout succeeded
    double allWrong = 0.0;
    double successRate = 0.0; // over all rollouts
};
ChoiceMeasures measureChoice(std::span<const Group* const> groups);

} // namespace midpoint::difficulty
