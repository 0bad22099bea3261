#include "backend/rollout/rollout_engine.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/rollout/generation.h"
#include "backend/rollout/step_decoder.h"

namespace midpoint::rollout {
namespace {

constexpr std::int64_t kMebibyte = 1 << 20;

} // namespace

DrawPurpose drawPurposeOf(Purpose purpose)
{
    switch (purpose) {
    case Purpose::Reference: return DrawPurpose::ReferenceRollout;
    case Purpose::Screen: return DrawPurpose::ScreenRollout;
    case Purpose::Explore: return DrawPurpose::ExploreRollout;
    case Purpose::Evaluate: return DrawPurpose::EvaluateRollout;
    case Purpose::Oracle: return DrawPurpose::OracleRollout;
    case Purpose::Train: break;
    }
    return DrawPurpose::TrainRollout;
}

struct RolloutEngine::State {
    State(const model::Model& of, const RolloutOptions& settings)
        : model(of)
        , options(settings)
        , decoder(makeStepDecoder(of, settings))
        , cache(decoder->cacheShape(), decoder->layers(),
              settings.cacheMegabytes * kMebibyte / BlockCache::bytesPerBlock(decoder->cacheShape(), decoder->layers()),
              of.options().device)
    {
    }
    const model::Model& model;
    RolloutOptions options;
    std::unique_ptr<StepDecoder> decoder;
    BlockCache cache; // kept between calls, so that its memory is not fetched from the system again
    RolloutStatistics statistics;
};

RolloutEngine::RolloutEngine(const model::Model& model, const RolloutOptions& options)
{
    if (options.maxSequences <= 0 || options.cacheMegabytes <= 0 || options.blockTokens <= 0 || options.prefillTokens <= 0)
        throw Error(ErrorKind::Config,
            concat("rollout: expected positive numbers of sequences, megabytes, tokens per block and of a prefill, found ",
                options.maxSequences, ", ", options.cacheMegabytes, ", ", options.blockTokens, ", ", options.prefillTokens));
    m_state = std::make_unique<State>(model, options);
}

RolloutEngine::~RolloutEngine() = default;
RolloutEngine::RolloutEngine(RolloutEngine&&) noexcept = default;

std::vector<std::vector<Response>> RolloutEngine::generate(
    std::span<const RolloutRequest> requests, const SamplingOptions& sampling, std::stop_token stop, const Progress& progress)
{
    m_state->cache.clear();
    Generation generation(m_state->model, *m_state->decoder, m_state->cache, m_state->options, sampling, requests);
    auto responses = generation.run(std::move(stop), progress);
    m_state->statistics = generation.statistics();
    return responses;
}

const RolloutStatistics& RolloutEngine::statistics() const { return m_state->statistics; }
std::int64_t RolloutEngine::packedBytes() const { return m_state->decoder->packedBytes(); }

} // namespace midpoint::rollout
