// The file of `midpoint bench time-to-target`: methods, seeds, learning rates and the target.
//
//   baseline = "grpo"                  ratios are to it, and its plateau is the target
//   target = 0.85                      instead of the plateau
//   targets = ["plateau", 0.92]        or several: everything is reported to each
//   metric = "val-core/heldout/acc/mean@2"     otherwise the held-out accuracy that all runs have
//   smoothing = 0.5                    weight of the neighbours in the mean over evaluations, to both sides
//   seeds = [1, 2, 3]
//   scan_seeds = [9, 10]               on which learning rates are tried: none of those above
//   scan_overrides = ["run.steps=24"]  for those runs alone
//   overrides = ["run.threads=1"]      for every run; paths in overrides are relative to this file,
//                                      those in a configuration to the configuration
//
//   [[method]]
//   name = "midpoint"
//   config = "midpoint.toml"           relative to the file
//   overrides = ["run.steps=60"]
//   learning_rates = [5e-5, 1e-4, 2e-4]   tried on scan_seeds; the best over the second half of the runs is used for all seeds
//   learning_rate_of = "dots"          instead: the rate that was chosen for a method above, as a control has it
//   setup_seconds = 140                time spent before any run, reported apart
#pragma once

#include "backend/store/time_to_target.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace midpoint::app {

struct PlannedMethod {
    std::string name;
    std::filesystem::path config; // absolute
    std::vector<std::string> overrides; // those of the file first
    std::vector<double> learningRates;
    std::string learningRateOf; // a method with learningRates that stands above, or empty
    double setupSeconds = 0.0;
};

struct TimeToTargetPlan {
    store::TargetRule rule;
    std::vector<std::int64_t> seeds;
    std::vector<std::int64_t> scanSeeds;
    std::vector<std::string> scanOverrides;
    std::vector<PlannedMethod> methods;
};

// Throws Error{Config} with file and line.
TimeToTargetPlan readTimeToTargetPlan(const std::filesystem::path& file);

} // namespace midpoint::app
