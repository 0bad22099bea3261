// `midpoint bench time-to-target`: several methods, several seeds each, and what every one spent until its smoothed held-out
// accuracy reached the same target. Medians over seeds with the lowest and the highest beside them: for the few seeds that such
// a comparison has, that says more than a standard error would.
#pragma once

#include "backend/store/compare.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::store {

struct MethodRun {
    std::int64_t seed = 0;
    std::filesystem::path folder;
    std::string failure; // empty: the run is complete
};
// Runs of one learning rate on seeds that are in no table.
struct RateTrial {
    double learningRate = 0.0;
    std::vector<MethodRun> runs;
    double accuracy = kMissing; // of the runs' lateAccuracy, the mean; a run that failed counts as 0
};
struct Method {
    std::string name;
    std::optional<double> learningRate; // that the method was run with; empty: its configuration's
    std::vector<RateTrial> trials;      // that it was chosen by; empty: not tried
    double setupSeconds = 0.0;          // spent before any run (labels, training of a predictor), counted apart
    std::vector<MethodRun> runs;
};

struct TargetRule {
    std::string baseline;          // the method that ratios are to
    std::optional<double> target;  // empty: the baseline's plateau, the mean over seeds of its last smoothed accuracy
    std::string metric;            // empty: the held-out accuracy that all runs have
    double smoothing = 0.5;        // to both sides, so that no method pays for a lag
};

// Over seeds. A seed that did not reach the target counts as more than any that did, so the median can be infinite.
struct OverSeeds {
    double median = kMissing;
    double lowest = kMissing;
    double highest = kMissing;
};

struct MethodResult {
    Method method;
    std::vector<RunComparison> runs; // of the complete ones, in their order
    std::int64_t reached = 0;        // of those
    OverSeeds steps, rollouts, generatedTokens, trainedTokens, trainSeconds, cpuSeconds; // to the target
    OverSeeds finalAccuracy, bestAccuracy;                                             // final: smoothed
    double evaluationSeconds = 0.0;  // median of whole runs; in no other number
};

struct TimeToTarget {
    std::string metric;
    double target = kMissing;
    bool isPlateau = false;
    std::string baseline;
    std::vector<MethodResult> methods;
};

// Fills in the accuracy of every trial and gives the learning rate of the best; of equal ones the first. The second half of a run is
// what counts: over the whole, the rate wins that learns fastest, also one that breaks later. Several seeds, since a rate can hold on
// one and break on the next.
double chooseLearningRate(std::vector<RateTrial>& trials, const std::string& metric);

// Throws Error{Data} if the baseline has no complete run or runs share no held-out accuracy.
TimeToTarget timeToTarget(const std::vector<Method>& methods, const TargetRule& rule);

OverSeeds overSeeds(std::vector<double> values); // infinity: not reached

std::string renderText(const TimeToTarget& result);
std::string renderJson(const TimeToTarget& result);
// Tables benchmark, method, method_run; an older file of that name is replaced as a whole.
void writeDatabase(const TimeToTarget& result, const std::filesystem::path& file);

} // namespace midpoint::store
