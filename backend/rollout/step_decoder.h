// What generation asks of whoever computes: prompts read into the cache with the first token of each sample drawn, and steps that
// give every sequence one more token. On a device steps are queued ahead of their results, so that it never waits for the host.
#pragma once

#include "backend/core/philox.h"
#include "backend/model/model.h"
#include "backend/rollout/block_cache.h"
#include "backend/rollout/rollout_engine.h"
#include "kernels/sample.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace midpoint::rollout {

// A prompt to be read, and the first token of each of its samples.
struct PromptRead {
    std::span<const std::int32_t> tokens;
    std::span<const std::int32_t> table;   // its blocks
    std::vector<PhiloxStream> draws;       // of each sample
    std::vector<std::int32_t> drawn;       // filled: one per sample
    std::vector<float> logprobs;
};

// One sequence in a step.
struct StepRow {
    std::int64_t slot = 0;                 // stays with the sequence; below RolloutOptions::maxSequences
    bool isNew = false;                    // its first step in this slot
    std::span<const std::int32_t> table;   // blocks of its sequence, as far as the position needs
    bool hasNewBlock = false;              // the last one of them was taken for this step
    std::int64_t position = 0;             // of the token that is fed; it sees all tokens up to itself
    std::int32_t token = 0;                // fed, where it is known
    std::int64_t source = -1;              // otherwise the row of the step before that draws it
    PhiloxStream stream;                   // of the sequence
    std::int64_t draw = 0;                 // position in it
};

struct StepResult { // by row; valid until the next step begins
    std::span<const std::int32_t> tokens;
    std::span<const float> logprobs;
};

class StepDecoder {
public:
    virtual ~StepDecoder() = default;

    virtual kernels::PagedCacheShape cacheShape() const = 0;
    virtual std::int64_t layers() const = 0;
    virtual std::int64_t vocabulary() const = 0;
    virtual std::int64_t packedBytes() const = 0; // of the weights as decoding reads them, beside the model's own

    // Before a generation: the weights may have changed; no sequence will have more than `longest` tokens. Steps that were begun
    // and not fetched are forgotten.
    virtual void prepare(std::int64_t longest, const kernels::SampleSettings& sampling, BlockCache& cache) = 0;
    virtual void readPrompts(std::span<PromptRead> prompts) = 0;

    // Steps are fetched in the order in which they begin; at most stepsAhead() + 1 of them are open at a time.
    virtual std::int64_t stepsAhead() const = 0;
    virtual void begin(std::span<const StepRow> rows) = 0;
    virtual StepResult fetch() = 0;

    // Why steps are not recorded as graphs although they should be; empty if nothing is in the way.
    virtual std::string graphProblem() const { return {}; }
    virtual std::int64_t graphSteps() const { return 0; } // steps since prepare() that were graphs
};

// For the device of the model.
std::unique_ptr<StepDecoder> makeStepDecoder(const model::Model& model, const RolloutOptions& options);

} // namespace midpoint::rollout
