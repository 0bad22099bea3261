// From what a step did to what the run database keeps: metrics under the field's names, the ledger's rows, the prediction
// round, the buffer's composition, the phase timeline.
#pragma once

#include "backend/config/run_config.h"
#include "backend/difficulty/prompt_pool.h"
#include "backend/engine/health.h"
#include "backend/engine/step_outcome.h"
#include "backend/store/rollout_store.h"
#include "backend/tokenizer/tokenizer.h"

#include <cstdint>
#include <span>
#include <string_view>
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

// Whole groups for rollouts.db: at most `maxRollouts` (-1: all), fresh ones and then replayed ones, with their advantages.
std::vector<store::StoredGroup> storedGroups(const StepOutcome& outcome, std::int64_t maxRollouts, const Tokenizer& tokenizer);
// Where in the decoded text each token ends, in bytes; empty if the tokens do not spell the text (bytes that are no UTF-8).
std::vector<std::int32_t> tokenEnds(const Tokenizer& tokenizer, std::span<const std::int32_t> tokens, std::string_view text);

inline std::int64_t storedStep(std::int64_t step) { return step + 1; } // the database counts from 1

} // namespace midpoint::engine
