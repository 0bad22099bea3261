// `midpoint compare RUN...`: what each run spent until it reached the same held-out accuracy, and how their settings differ.
#pragma once

#include "backend/store/run_curves.h"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace midpoint::store {

struct CompareOptions {
    std::string metric;            // empty: the first val-core/*/acc/mean@* that all runs have
    std::optional<double> target;  // empty: the lowest of the runs' final smoothed accuracies, which all of them reached
    double smoothing = 0.5;        // weight of the past in the exponential mean over evaluations; 0: none
    bool looksAhead = false;       // smooth to both sides, with what a run showed later: no lag
};

struct RunComparison {
    std::string name;
    std::filesystem::path path;
    std::int64_t steps = 0;             // last step
    double firstAccuracy = kMissing;
    double finalAccuracy = kMissing;    // last evaluation as measured
    double bestAccuracy = kMissing;
    double lateAccuracy = kMissing;     // mean of the evaluations after half of the steps: high for a run that got far and stayed there
    double finalSmoothed = kMissing;
    std::optional<Cost> toTarget;       // first crossing of the smoothed curve, linearly interpolated
    std::optional<Cost> toTargetRaw;    // first evaluation at or above the target
    Cost total;                         // at the last step
};

struct ConfigDifference {
    std::string key;
    std::vector<std::string> values; // one per run, "-" where the key is missing
};

struct Comparison {
    std::string metric;
    double target = kMissing;
    double smoothing = 0.0;
    std::vector<RunComparison> runs;
    std::vector<ConfigDifference> differences;
};

// Throws Error{Store} for a run that cannot be read, Error{Data} if the runs share no held-out accuracy or one has no evaluation.
Comparison compareRuns(std::span<const std::filesystem::path> runs, const CompareOptions& options = {});

std::string renderText(const Comparison& comparison); // a table for people; ratios to the first run
std::string renderJson(const Comparison& comparison); // one object

// Parts that the window uses as well.
std::vector<double> smoothed(std::span<const double> values, double weight); // bias-corrected; NaN is skipped over
// The same to both sides: a value weighs weight^distance. A lag would cost a run that learns in few steps the larger share.
std::vector<double> smoothedBothSides(std::span<const double> values, double weight);
// The step at which the curve first reaches `level`, linearly interpolated; nothing if it never does.
std::optional<double> firstCrossing(std::span<const std::int64_t> steps, std::span<const double> values, double level);
// Settings that differ, from TOML texts. A text that is no TOML gives the single key "(unreadable)".
std::vector<ConfigDifference> configDifferences(std::span<const std::string> tomlTexts);

} // namespace midpoint::store
