// What a run had spent at any step, and where the time of its steps went: read from run.db in one pass.
#pragma once

#include "backend/store/run_reader.h"

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace midpoint::store {

// What was spent when a level was first reached. NaN: not recorded.
struct Cost {
    double step = kMissing; // between two evaluations: interpolated
    double rollouts = kMissing;
    double generatedTokens = kMissing;
    double trainedTokens = kMissing;
    double trainSeconds = kMissing;  // steps alone
    double totalSeconds = kMissing;  // wall time since the first step, evaluation and checkpoints included, pauses between resumes not
    double cpuSeconds = kMissing;    // processor time of the steps
};

// Seconds of all steps of a run, by what they went to; together they are budget/train_seconds. NaN: not recorded.
struct WallSplit {
    double generation = kMissing; // of the rollouts that are trained on, those that are dropped for want of signal included
    double update = kMissing;     // forward, backward, optimizer; scoring of replayed rows under the present weights
    double choice = kMissing;     // beliefs and drawing, and the reference rollouts that a belief asks for
    double rest = kMissing;       // grading, advantages, recording
    double total() const { return generation + update + choice + rest; }
};

struct RunCurves {
    Series accuracy; // without the evaluations that gave no number
    Series rollouts;
    Series generated;
    Series trained;
    Series trainSeconds;
    Series wall;
    Series cpuSeconds;
    WallSplit split;
    double evaluationSeconds = 0.0; // over the whole run; in no Cost but totalSeconds
    double oracleSeconds = 0.0;     // fresh measurements of the belief `oracle`; in no Cost but totalSeconds

    Cost at(double step) const; // counters are linear between steps
};

// Throws Error{Data} if the run has no evaluation of that metric.
RunCurves readCurves(const RunReader& reader, const std::string& metric);

// The first val-core/*/acc/mean@* that all runs have. Throws Error{Data} naming a run that has none.
std::string sharedAccuracy(const std::vector<std::unique_ptr<RunReader>>& readers);

} // namespace midpoint::store
