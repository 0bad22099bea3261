// One call of RolloutEngine::generate(): which sequences are decoded now, which wait, and what they have drawn. How long a sequence
// is, is known without its tokens, so steps can begin before the tokens of earlier ones are there; what a sequence draws after its
// end is dropped.
#pragma once

#include "backend/rollout/block_cache.h"
#include "backend/rollout/rollout_engine.h"
#include "backend/rollout/step_decoder.h"

#include <cstdint>
#include <deque>
#include <span>
#include <stop_token>
#include <vector>

namespace midpoint::rollout {

class Generation {
public:
    // Checks the requests against the model and the cache's budget.
    Generation(const model::Model& model, StepDecoder& decoder, BlockCache& cache, const RolloutOptions& options,
        const SamplingOptions& sampling, std::span<const RolloutRequest> requests);

    std::vector<std::vector<Response>> run(std::stop_token stop, const RolloutEngine::Progress& progress);
    const RolloutStatistics& statistics() const { return m_statistics; }

private:
    // A request whose prompt is in the cache. The first token of each sample was drawn from the prompt's logits.
    struct Group {
        std::size_t request = 0;
        std::vector<std::int32_t> table;    // all blocks of the prompt
        std::vector<std::int32_t> tokens;   // first token of each sample
        std::vector<float> logprobs;
        std::int64_t nextSample = 0;
    };
    // A sequence keeps its slot until its end is known.
    struct Sequence {
        std::size_t request = 0;
        std::int64_t sample = 0;
        std::int64_t serial = 0;            // of all sequences
        std::int64_t length = 0;            // tokens of prompt and response, also those being drawn
        std::int64_t draws = 0;             // of the response, also those under way
        std::int64_t lastRow = -1;          // in the step that began last; -1: in none yet
        std::int64_t reserved = 0;          // blocks that it may still take
        std::vector<std::int32_t> table;
        PhiloxStream stream;
    };
    struct SlotInStep {
        std::int32_t slot = 0;
        std::int64_t serial = 0;
    };
    using Step = std::vector<SlotInStep>;   // by row

    void check() const;
    void sortRequests();
    std::int64_t maxNewTokens(const RolloutRequest& request) const;
    std::int64_t blocksOfPrompt(const RolloutRequest& request) const;
    std::int64_t blocksOfSequence(const RolloutRequest& request) const; // beside those shared with its group
    std::int64_t spareBlocks() const { return m_cache.freeBlocks() - m_reserved; }

    void refill();
    std::vector<std::size_t> nextRequests();
    void prefill(const std::vector<std::size_t>& chosen);
    PhiloxStream streamOf(const RolloutRequest& request, std::int64_t sample) const;
    bool startSample(Group& group); // false: no room yet
    void finishGroup(Group& group);

    bool beginStep();                       // false: no sequence can go on before more tokens are known
    StepRow rowOf(std::int32_t slot, std::int64_t row);
    void fetchStep();
    Response& responseOf(const Sequence& sequence);
    void append(const Sequence& sequence, std::int32_t token, float logprob);
    bool isFinished(const Sequence& sequence);
    void retire(Sequence& sequence);

    const model::Model& m_model;
    StepDecoder& m_decoder;
    BlockCache& m_cache;                    // empty at the beginning
    const RolloutOptions& m_options;
    const SamplingOptions& m_sampling;
    std::span<const RolloutRequest> m_requests;
    std::vector<bool> m_isEnd;              // by token id
    std::int64_t m_reserved = 0;            // blocks promised to sequences
    std::deque<std::size_t> m_waiting;      // requests, longest expected first
    std::deque<Group> m_started;            // groups with samples that do not decode yet
    std::vector<Sequence> m_slots;
    std::vector<std::int32_t> m_freeSlots;
    std::vector<std::int32_t> m_active;     // slots of the sequences that decode, in the order of their start
    std::int64_t m_serials = 0;
    std::deque<Step> m_begun;               // steps whose results are not fetched
    std::vector<StepRow> m_rows;
    std::vector<std::vector<Response>> m_responses;
    std::int64_t m_finished = 0;
    RolloutStatistics m_statistics;
};

} // namespace midpoint::rollout
