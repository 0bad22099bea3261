// `midpoint bench time-to-target`: several methods, several seeds each, and what every one spent until its smoothed held-out
// accuracy reached the same targets. Medians over seeds with the lowest and the highest beside them: for the few seeds that such
// a comparison has, that says more than a standard error would.
#pragma once

#include "backend/store/run_curves.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::store {

enum class RunEnd {
    Complete,
    Failed,  // counts as one that reaches no target
    Missing, // not trained to its end yet: counts nowhere, and is named
};
const char* nameOf(RunEnd end); // "complete", "failed", "missing"

struct MethodRun {
    std::int64_t seed = 0;
    std::filesystem::path folder;
    RunEnd end = RunEnd::Complete;
    std::string reason; // why it failed or is missing
};
struct RateTrialRun {
    MethodRun run;
    double lateAccuracy = kMissing; // RunComparison::lateAccuracy; 0 for a run that failed
};
// Runs of one learning rate on seeds that are in no table.
struct RateTrial {
    double learningRate = 0.0;
    std::vector<RateTrialRun> runs;
    double accuracy = kMissing; // the mean of its runs'
};
struct Method {
    std::string name;
    std::optional<double> learningRate; // that the method was run with; empty: its configuration's
    std::vector<RateTrial> trials;      // that it was chosen by; empty: not tried
    double setupSeconds = 0.0;          // spent before any run (labels, training of a predictor), counted apart
    std::vector<MethodRun> runs;
};

struct TargetRule {
    std::string baseline;                                         // the method that ratios are to
    std::vector<std::optional<double>> targets = { std::nullopt }; // empty: the baseline's plateau, the mean over seeds of its last smoothed accuracy
    std::string metric;                                           // empty: the held-out accuracy that all runs have
    double smoothing = 0.5;                                       // to both sides, so that no method pays for a lag
};

struct Target {
    double accuracy = kMissing;
    bool isPlateau = false;
};

// What is counted. The names are those of JSON and SQLite.
enum class Quantity { Steps, Rollouts, GeneratedTokens, TrainedTokens, CpuSeconds, TrainSeconds };
inline constexpr std::array kQuantities
    = { Quantity::Steps, Quantity::Rollouts, Quantity::GeneratedTokens, Quantity::TrainedTokens, Quantity::CpuSeconds, Quantity::TrainSeconds };
const char* nameOf(Quantity quantity); // "steps", "rollouts", "generated_tokens", "trained_tokens", "cpu_seconds", "train_seconds"
double valueOf(const Cost& cost, Quantity quantity);

// Over seeds. A seed that did not reach the target counts as more than any that did, so the median can be infinite: never.
struct OverSeeds {
    double median = kMissing;
    double lowest = kMissing;
    double highest = kMissing;
};
OverSeeds overSeeds(std::vector<double> values); // infinity: not reached; NaN is left out

struct Spent {
    std::array<OverSeeds, kQuantities.size()> quantities;
    const OverSeeds& of(Quantity quantity) const { return quantities[static_cast<std::size_t>(quantity)]; }
};

struct ToTarget {
    std::int64_t reached = 0; // runs that did, of MethodResult::counted
    Spent spent;
    Spent atLeast; // the same, but a run that never got there counts with all that it spent: a lower bound, and finite
};

// Shares of the time of all steps.
struct SplitShares {
    OverSeeds generation, update, choice, rest;
};

struct CurvePoint {
    Cost cost; // until this evaluation
    double accuracy = kMissing;
    double smoothed = kMissing;
};

struct RunResult {
    MethodRun run;
    std::vector<std::optional<Cost>> toTarget; // by target; nothing: not reached
    // The rest is of complete runs alone.
    Cost total;
    WallSplit split;
    double evaluationSeconds = kMissing; // in no other number
    double oracleSeconds = kMissing;     // likewise: fresh measurements, which the belief `oracle` has for nothing
    double finalAccuracy = kMissing;     // smoothed
    double bestAccuracy = kMissing;      // as measured
    std::vector<CurvePoint> curve;
};

struct MethodResult {
    std::string name;
    std::optional<double> learningRate;
    std::vector<RateTrial> trials;
    double setupSeconds = 0.0;
    std::vector<RunResult> runs; // one per seed, in the order of the plan
    // Over the runs that count, from them alone.
    std::int64_t counted = 0; // complete or failed
    std::vector<ToTarget> toTarget; // by target
    Spent wholeRuns;                // what the end accuracy took
    SplitShares split;
    OverSeeds finalAccuracy, bestAccuracy, evaluationSeconds, oracleSeconds;
};

struct TimeToTarget {
    std::string metric;
    double smoothing = 0.0;
    std::string baseline;
    std::vector<Target> targets; // at least one
    std::vector<MethodResult> methods;
};

// Fills in the accuracies of every trial and gives the learning rate of the best; of equal ones the first. The second half of a run is
// what counts: over the whole, the rate wins that learns fastest, also one that breaks later. Several seeds, since a rate can hold on
// one and break on the next. Nothing while a run is missing.
std::optional<double> chooseLearningRate(std::vector<RateTrial>& trials, const std::string& metric);

// Throws Error{Data} if a plateau is asked for and the baseline has no complete run, or if runs share no held-out accuracy.
TimeToTarget timeToTarget(const std::vector<Method>& methods, const TargetRule& rule);

const MethodResult* baselineOf(const TimeToTarget& result); // null: it is not among the methods
struct Saving {
    double share = 0.0;
    bool isAtLeast = false; // the baseline's median never got there: what its runs spent in all stands for it
};
// What was saved against the baseline, by the medians; nothing where the own one never got there, or only after more than the
// baseline spent in all.
std::optional<Saving> saved(const ToTarget& own, const ToTarget& baseline, Quantity quantity);
// The summaries of a method, from its runs.
void summarise(MethodResult& method, std::size_t targets);

// What is missing or failed of a method, one line each: "dots, seeds 1, 2: not trained yet". Empty: nothing.
std::vector<std::string> shortcomings(const std::string& method, const std::vector<RateTrial>& trials, const std::vector<MethodRun>& runs);

std::string renderText(const TimeToTarget& result); // Markdown
std::string renderJson(const TimeToTarget& result);

// SQLite; SCHEMA.md describes the tables. An older file of that name is replaced as a whole.
void writeTimeToTarget(const TimeToTarget& result, const std::filesystem::path& file);
// What was written, equal in every number. Throws Error{Store} with file, expected and found.
TimeToTarget readTimeToTarget(const std::filesystem::path& file);
// By its first bytes alone; false for what cannot be read. A results.db of before these marks counts: reading it says what to do.
bool isTimeToTargetFile(const std::filesystem::path& file);

} // namespace midpoint::store
