// Held-out evaluation: the one path for the curve of a run and for `midpoint eval`, so both give the same number.
#pragma once

#include "backend/engine/pool_prompt.h"
#include "backend/engine/roller.h"
#include "backend/engine/step_outcome.h"

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace midpoint::engine {

// What the rollouts of a set amount to. Groups must be graded.
EvaluationResult summariseEvaluation(const std::string& set, std::span<const Group> groups);

class Evaluator {
public:
    // One set per file, named after it. Uses config.eval and config.data. The roller is that of the run, so that both share one
    // key-value cache; it has to outlive this.
    Evaluator(const config::RunConfig& config, Roller& roller, const Tokenizer& tokenizer, const std::vector<std::string>& files);

    // Draws are keyed by `step`: the same step, weights and settings give the same numbers again.
    std::vector<EvaluationResult> evaluate(std::int64_t step, std::stop_token stop);

    // The groups of the last evaluate(), by set, for labels and texts.
    struct Set {
        std::string name;
        LoadedPrompts prompts;
        std::vector<Group> groups;
    };
    const std::vector<Set>& sets() const { return m_sets; }
    // Calls with (done, total) prompts while it works.
    void setProgress(std::function<void(std::int64_t, std::int64_t)> progress) { m_progress = std::move(progress); }

private:
    config::RunConfig m_config;
    Roller& m_roller;
    std::vector<Set> m_sets;
    std::function<void(std::int64_t, std::int64_t)> m_progress;
};

} // namespace midpoint::engine
