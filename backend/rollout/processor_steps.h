// Steps on the processor: computed when they begin.
#pragma once

#include "backend/rollout/decoder.h"
#include "backend/rollout/step_decoder.h"

#include <vector>

namespace midpoint::rollout {

class ProcessorSteps final : public StepDecoder {
public:
    ProcessorSteps(const model::Model& model, const RolloutOptions& options);

    kernels::PagedCacheShape cacheShape() const override { return m_decoder.cacheShape(); }
    std::int64_t layers() const override { return m_decoder.layers(); }
    std::int64_t vocabulary() const override { return m_decoder.vocabulary(); }
    std::int64_t packedBytes() const override { return m_decoder.packedBytes(); }
    void prepare(std::int64_t longest, const kernels::SampleSettings& sampling, BlockCache& cache) override;
    void readPrompts(std::span<PromptRead> prompts) override;
    std::int64_t stepsAhead() const override { return 0; }
    void begin(std::span<const StepRow> rows) override;
    StepResult fetch() override { return { m_tokens, m_logprobs }; }

private:
    Decoder m_decoder;
    std::int64_t m_prefillTokens;
    kernels::SampleSettings m_sampling;
    BlockCache* m_cache = nullptr; // of the present generation
    std::vector<DecodeRow> m_rows;
    std::vector<float> m_logits;
    std::vector<double> m_uniform;
    std::vector<std::int32_t> m_tokens;
    std::vector<float> m_logprobs;
};

} // namespace midpoint::rollout
