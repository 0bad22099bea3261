// Batched generation: each prompt is read once and its key-value blocks are shared by its group, sequences are replaced as
// soon as they end, and the tokens are a function of (seed, purpose, step, prompt id, sample, position) and the weights alone.
#pragma once

#include "backend/core/rng.h"
#include "backend/core/rollout.h"
#include "backend/model/model.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace midpoint::rollout {

struct RolloutOptions {
    std::int64_t maxSequences = 256;    // decoded at once
    std::int64_t cacheMegabytes = 2048; // budget of the key-value cache (MiB); allocated as far as needed
    std::int64_t blockTokens = 16;      // rounded up to a multiple of 16
    std::int64_t prefillTokens = 2048;  // prompt tokens computed at once
    bool usesGraphs = true;             // on devices: steps of decoding are recorded as graphs
};

struct SamplingOptions {
    std::uint64_t seed = 1;              // of the run
    double temperature = 1.0;            // 0: greedy
    std::int64_t topK = 0;               // 0: off
    double topP = 1.0;                   // 1: off
    std::int64_t maxNewTokens = 1024;
    bool ignoresEndTokens = false;       // benchmarks: every response has maxNewTokens
    // Beside the model's own end tokens (every id of generation_config.json).
    std::vector<std::int32_t> extraEndTokens;
};

struct RolloutRequest {
    std::vector<std::int32_t> promptTokens; // at least one
    PromptId prompt = 0;
    Purpose purpose = Purpose::Train;
    std::int64_t step = 0;
    std::int64_t samples = 1;
    std::int64_t firstSample = 0;           // index of the first sample, for groups that are made in parts
    double expectedTokens = 0.0;            // of a response; 0: maxNewTokens. Groups that take longest begin first.
};

struct Response {
    std::vector<std::int32_t> tokens; // with the end token, if one was sampled
    std::vector<float> logprobs;      // log-softmax(logits / temperature) before top-k and top-p; greedy: at temperature 1
    FinishReason finish = FinishReason::EndOfSequence;
};

// What the last call of generate() did.
struct RolloutStatistics {
    std::int64_t promptTokens = 0;    // prefilled
    std::int64_t newTokens = 0;       // sampled
    std::int64_t decodeSteps = 0;
    std::int64_t peakSequences = 0;
    std::int64_t peakBlocks = 0;
    std::int64_t cacheBytes = 0;      // memory of the cache at the end
    std::int64_t graphSteps = 0;      // of the decoding steps, on a device
    std::string graphProblem;         // why there are none although they are wanted
    double prefillSeconds = 0.0;
    double decodeSeconds = 0.0;
};

DrawPurpose drawPurposeOf(Purpose purpose);

class RolloutEngine {
public:
    // Keeps a reference to the model and reads its present weights at every call of generate().
    RolloutEngine(const model::Model& model, const RolloutOptions& options);
    ~RolloutEngine();
    RolloutEngine(RolloutEngine&&) noexcept;
    RolloutEngine& operator=(RolloutEngine&&) = delete;

    // result[i][s] is sample s of request i. `progress` is called with (finished, all) responses now and then.
    // Throws Error{Resource} if not even one sequence fits into the cache, Error{Data} for a prompt that is empty, has ids outside the
    // vocabulary or leaves no room in the model's context, Error{Cancelled} when stopped, Error{Numeric} for logits that are not finite.
    using Progress = std::function<void(std::int64_t finished, std::int64_t all)>;
    std::vector<std::vector<Response>> generate(std::span<const RolloutRequest> requests, const SamplingOptions& sampling,
        std::stop_token stop, const Progress& progress = {});

    const RolloutStatistics& statistics() const; // of the last call
    std::int64_t packedBytes() const;            // of the weights as decoding reads them

private:
    struct State;
    std::unique_ptr<State> m_state;
};

} // namespace midpoint::rollout
