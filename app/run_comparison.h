// What runs needed to reach the same held-out accuracy: the numbers behind `midpoint compare`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::app {

// What had been spent up to the end of a step. NaN where the run did not record it.
struct Spending {
    std::int64_t step = 0;
    double rollouts = 0.0;
    double generatedTokens = 0.0;
    double trainedTokens = 0.0;
    double seconds = 0.0; // of training, evaluations not counted
};

struct ComparedRun {
    std::filesystem::path path;
    std::string name;
    double startAccuracy = 0.0; // NaN if the run was not evaluated at the start
    double bestAccuracy = 0.0;
    double lastAccuracy = 0.0;
    Spending whole;
    std::optional<Spending> toTarget; // empty: the target was not reached
};

struct Comparison {
    std::string metric; // held-out accuracy that is compared
    double target = 0.0;
    bool isTargetGiven = false;
    std::vector<ComparedRun> runs;
};

// `metric` empty: the held-out accuracy that all runs have. `target` empty: the highest accuracy that every run reached.
// Throws Error{Data} if the runs share no such metric.
Comparison compareRuns(const std::vector<std::filesystem::path>& paths, const std::string& metric, std::optional<double> target);

std::string comparisonTable(const Comparison& comparison);
std::string comparisonJson(const Comparison& comparison);

} // namespace midpoint::app
