// Who owns the memory of a rank: planned from shapes before the run, measured in every step, and the largest step tried first.
#pragma once

#include "backend/config/run_config.h"
#include "backend/core/log.h"
#include "backend/model/model.h"
#include "backend/store/records.h"

#include <cstdint>
#include <vector>

namespace midpoint::engine {

struct RunParts;
struct StepOutcome;

// Bytes.
struct MemoryLedger {
    std::int64_t weights = 0;       // of the policy and the reference, and their copies for decoding
    std::int64_t gradients = 0;
    std::int64_t optimizer = 0;     // both moments
    std::int64_t cache = 0;         // keys and values of rollouts and evaluation
    std::int64_t activations = 0;   // of the largest micro-batch
    std::int64_t communication = 0; // buckets of gradients on their way to other ranks
    std::int64_t available = 0;     // to this process when the ledger was made

    std::int64_t sum() const { return weights + gradients + optimizer + cache + activations + communication; }
};

struct MemoryNeeds {
    std::int64_t longestPrompt = 1;
    std::int64_t models = 1;        // policy, and reference if there is one
    bool trains = true;             // without training there are no gradients, optimizer and updates
    std::int64_t ranks = 1;         // that exchange gradients and share the optimizer's state
    std::int64_t ranksOfHost = 1;   // that share this machine's memory; a GPU is a rank's own
};
MemoryLedger planMemory(const config::RunConfig& config, const model::Model& model, const MemoryNeeds& needs);

// The size of one key-value cache: rollout.kv_cache_megabytes, or with 0 what the ledger leaves, as far as sequences can use it.
std::int64_t cacheMegabytes(const config::RunConfig& config, const model::Model& model, const MemoryNeeds& needs);

std::int64_t availableBytes(); // memory that the system, or the control group of this process, can still give
std::int64_t residentBytes();  // of this process

// The plan as an event for the start of the run; a warning if it is more than there is.
store::Event memoryEvent(const MemoryLedger& plan, std::int64_t step);
// "memory/..." in GB: what the parts hold after a step, and the most that its update took.
std::vector<store::Metric> memoryMetrics(const RunParts& parts, const StepOutcome& outcome);
// Micro-batches that were made smaller in the step.
std::vector<store::Event> splitEvents(const StepOutcome& outcome, std::int64_t step);

// run.try_worst_case: the longest prompts and responses, as many as ever go together, through rollout and update.
bool triesWorstCase(const config::RunConfig& config);
std::vector<store::Event> tryWorstCase(RunParts& parts);

} // namespace midpoint::engine
