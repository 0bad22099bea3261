// From what a step did to what the run database keeps: metrics under the field's names, the ledger's rows, the prediction
// round, the buffer's composition, the phase timeline.
#pragma once

#include "backend/config/run_config.h"
#include "backend/difficulty/prompt_pool.h"
#include "backend/engine/health.h"
#include "backend/engine/step_outcome.h"
#include "backend/store/records.h"

#include <cstdint>
#include <vector>

namespace midpoint::engine {

HealthFacts healthFacts(const StepOutcome& outcome, const config::RunConfig& config);

struct RecordContext {
    const config::RunConfig& config;
    const difficulty::PromptPool& pool;
    const difficulty::Selector& selector;
    const replay::ReplayBuffer* buffer = nullptr; // null: no replay
    const Budget& budget;
    double freshFraction = 1.0; // that the next step will use
    std::vector<store::Metric> memory = {}; // memoryMetrics()
};

store::StepRecord stepRecord(const StepOutcome& outcome, const RecordContext& context);
std::vector<store::Metric> evaluationMetrics(const EvaluationResult& result);

inline std::int64_t storedStep(std::int64_t step) { return step + 1; } // the database counts from 1

} // namespace midpoint::engine
