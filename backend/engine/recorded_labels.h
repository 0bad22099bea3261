// Labels for the predictor out of runs: what their rollouts measured while they trained, at no further cost.
#pragma once

#include "backend/predictor/training.h"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace midpoint::engine {

// Of every path the labels: a run folder or a run's database (*.db) gives what the run measured, anything else is a file of
// `midpoint eval --labels`. A run's policy changes with every step, and a step alone measures few prompts: `stepsPerPolicy` steps that
// follow each other count as one policy, named "RUN, steps 1 to 8"; what is left at the end belongs to the last one.
// Throws Error{Data} with file, prompt and what was expected.
std::vector<predictor::PolicyLabels> readLabelsAndRuns(
    std::span<const std::filesystem::path> paths, std::int64_t stepsPerPolicy, const predictor::EmbeddingMatrix& embeddings);

// `name` is the policy's, or that of the run it is a part of.
bool isPolicyOf(const std::string& policy, const std::string& name);

} // namespace midpoint::engine
