// SPDX-License-Identifier: GPL-3.0-or-later
// Predicted against measured difficulty: what the Difficulty screen shows, from the ledger and the prediction rounds.
// Difficulty is 1 - success rate, everywhere. Numbers that are undefined carry the reason instead of a value.
#pragma once

#include "backend/core/statistics.h"
#include "backend/store/records.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::gui {

// Which measurements count. Selected prompts are chosen near the target, which restricts the range and lowers Pearson; the
// reference and explored prompts are drawn uniformly and judge the predictor fairly.
enum class MeasuredSet { All, Uniform, Selected };

struct DifficultyPair {
    std::int64_t promptIndex = 0;
    std::int64_t step = 0;
    double predicted = 0.0; // difficulty
    std::int64_t attempts = 0;
    std::int64_t successes = 0;
    bool isUniform = false; // reference or explored

    double measured() const { return 1.0 - static_cast<double>(successes) / static_cast<double>(attempts); }
};

struct CalibrationBin {
    double predictedMean = 0.0;
    double measuredMean = 0.0;
    statistics::Interval interval; // Wilson, over all attempts of the bin
    std::int64_t prompts = 0;
    std::int64_t attempts = 0;
};

struct DifficultySummary {
    statistics::Correlation pearson;
    statistics::Correlation spearman;
    std::optional<double> meanAbsoluteError;
    std::optional<double> bias;
    std::optional<double> calibrationError;
    std::optional<statistics::NoiseCeiling> ceiling;
    std::int64_t pairs = 0;
    double inBandShare = 0.0; // measured difficulty within the target band
    std::vector<CalibrationBin> bins;
};

// Of measured groups, whether or not anything was predicted about them.
struct MeasuredSummary {
    std::int64_t groups = 0;
    std::optional<double> meanDifficulty; // over groups; the shares likewise: none without groups
    std::optional<double> inBandShare;
    std::optional<double> allRightShare; // no rollout failed: no gradient
    std::optional<double> allWrongShare;
};

// The latest word on one prompt.
struct PromptStanding {
    std::optional<double> predicted; // difficulty, by the round in force
    std::int64_t attempts = 0;       // of the last measurement
    std::int64_t successes = 0;
    std::int64_t seen = 0;           // groups ever measured
    std::int64_t lastStep = -1;
    std::int64_t inBuffer = 0;
};

struct DifficultyRequest {
    std::int64_t step = 0;
    std::int64_t windowSteps = 10;
    MeasuredSet set = MeasuredSet::All;
    double targetSuccess = 0.5;
    double bandHalfWidth = 0.25; // of the band that counts as "near the target"
};

struct DifficultyView {
    DifficultyRequest request;
    std::int64_t roundStep = -1;  // of the prediction round in force; -1: none
    std::int64_t firstRound = -1; // step of the run's first one; -1: it has none so far
    std::string belief;
    std::vector<store::Observation> measured; // in the window, of the chosen set
    MeasuredSummary measuredSummary;
    std::vector<DifficultyPair> pairs;       // those of them that were predicted
    DifficultySummary summary;
    std::vector<double> binEdges;            // of the three histograms
    std::vector<double> poolShare;           // predicted difficulty of the whole pool
    std::vector<double> selectedShare;       // predicted difficulty of what the round chose
    std::vector<double> measuredShare;       // measured difficulty in the window
    std::vector<PromptStanding> standings;   // by prompt index
};

// The groups of the set with at least one graded rollout.
std::vector<store::Observation> measuredGroups(const std::vector<store::Observation>& observations, MeasuredSet set);
double measuredDifficulty(const store::Observation& group);
MeasuredSummary summariseMeasured(const std::vector<store::Observation>& groups, const DifficultyRequest& request);

// Pairs each graded group with the prediction that was in force at its step. `rounds` by step, ascending.
std::vector<DifficultyPair> pairMeasurements(
    const std::vector<store::Observation>& observations, const std::vector<store::PredictionRound>& rounds, MeasuredSet set);

DifficultySummary summarise(const std::vector<DifficultyPair>& pairs, const DifficultyRequest& request);

// Measurements of one prompt over steps; neighbours are put together where there are more than `maximum` of them.
struct HistoryPoint {
    double step = 0.0; // mean of the measurements put together
    double measured = 0.0;
    statistics::Interval interval; // Wilson, 95 %, of all attempts put together
    std::int64_t attempts = 0;
};
std::vector<HistoryPoint> historyPoints(const std::vector<store::Observation>& observations, std::size_t maximum);

// Shares of each bin; NaN values are left out. `binCount` bins over 0..1, the last one closed.
std::vector<double> histogramShares(const std::vector<double>& values, std::size_t binCount);

} // namespace midpoint::gui
