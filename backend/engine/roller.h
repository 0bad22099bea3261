// Rolls prompts out: generation and grading, the same for training, references and evaluation.
#pragma once

#include "backend/config/run_config.h"
#include "backend/core/rollout.h"
#include "backend/engine/pool_prompt.h"
#include "backend/model/model.h"
#include "backend/reward/grader.h"
#include "backend/reward/reward_composer.h"
#include "backend/rollout/rollout_engine.h"

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

namespace midpoint::engine {

struct RollRequest {
    const PoolPrompt* prompt = nullptr;
    Purpose purpose = Purpose::Train;
    std::int64_t samples = 1;
    std::int64_t firstSample = 0; // of the group, when it is made in parts
    double expectedTokens = 0.0; // of a response, so that the longest begin first; 0: not known
};

class Roller {
public:
    // The model is read at every call: its present weights are the behaviour policy.
    Roller(const config::RunConfig& config, const model::Model& model, const Tokenizer& tokenizer);

    // One group per request, in order; not graded yet. Throws Error{Cancelled} when stopped, Error{Resource} when the cache
    // cannot hold one sequence.
    std::vector<Group> generate(std::span<const RollRequest> requests, std::int64_t step,
        const rollout::SamplingOptions& sampling, std::stop_token stop);
    // Fills verdicts, rewards and texts. `prompts` is the pool that promptIndex points into.
    void grade(std::vector<Group>& groups, std::span<const PoolPrompt> prompts);

    reward::Grader& grader() { return *m_grader; }

private:
    const Tokenizer& m_tokenizer;
    rollout::RolloutEngine m_engine;
    std::unique_ptr<reward::Grader> m_grader;
    reward::RewardComposer m_composer;
};

rollout::SamplingOptions trainSampling(const config::RunConfig& config);
rollout::SamplingOptions evaluationSampling(const config::RunConfig& config);

} // namespace midpoint::engine
