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

class Crew;

class Roller {
public:
    // The model is read at every call: its present weights are the behaviour policy. With a crew all ranks take part.
    Roller(const config::RunConfig& config, const model::Model& model, const Tokenizer& tokenizer, Crew* crew = nullptr);

    // One group per request, in order; to be graded. Throws Error{Cancelled} when stopped, Error{Resource} when the cache
    // cannot hold one sequence.
    std::vector<Group> generate(std::span<const RollRequest> requests, std::int64_t step,
        const rollout::SamplingOptions& sampling, std::stop_token stop);
    // Fills verdicts, rewards and texts where they are missing. `prompts` is the pool that promptIndex points into.
    void grade(std::vector<Group>& groups, std::span<const PoolPrompt> prompts);

    // The same on this rank alone; groups and requests belong together.
    std::vector<Group> generateOwn(std::span<const RollRequest> requests, std::int64_t step,
        const rollout::SamplingOptions& sampling, std::stop_token stop);
    void gradeOwn(std::vector<Group>& groups, std::span<const RollRequest> requests);

    reward::Grader& grader() { return *m_grader; }

    // As many sequences at once as there ever are, each after a prompt of so many tokens; what they say is thrown away.
    // Returns their number.
    std::int64_t tryLargest(std::int64_t promptTokens);
    std::string graphProblem() const { return m_engine.statistics().graphProblem; } // of the last generation
    std::int64_t packedBytes() const { return m_engine.packedBytes(); }
    std::int64_t cacheBytes() const { return m_engine.statistics().cacheBytes; } // that were in use at some time

private:
    void grade(std::vector<Group>& groups, const std::vector<const PoolPrompt*>& owners);

    const Tokenizer& m_tokenizer;
    std::int64_t m_maxSequences;
    rollout::RolloutEngine m_engine;
    std::unique_ptr<reward::Grader> m_grader;
    reward::RewardComposer m_composer;
    Crew* m_crew;
};

rollout::SamplingOptions trainSampling(const config::RunConfig& config);
rollout::SamplingOptions evaluationSampling(const config::RunConfig& config);

} // namespace midpoint::engine
