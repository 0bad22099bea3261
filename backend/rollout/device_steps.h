// Steps on a device. The host says which sequences go on and where they lie (kernels/decode_rows.h); the token that a step draws
// feeds the next one on the device. Results come back through memory that copies reach alone, two steps later: by then the device
// works on the next step, so it never waits for the host.
//
// The number of rows is rounded up to few sizes and the longest sequence to few lengths. The second step of the same kind is
// recorded as a graph, which later ones start with one call.
#pragma once

#include "backend/rollout/device_decoder.h"
#include "backend/rollout/step_decoder.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace midpoint::rollout {

// The sizes of steps: 1, 2, 4, 8, then at most a quarter more rows than asked for.
std::int64_t paddedRows(std::int64_t rows);

class DeviceSteps final : public StepDecoder {
public:
    DeviceSteps(const model::Model& model, const RolloutOptions& options);
    ~DeviceSteps() override;

    kernels::PagedCacheShape cacheShape() const override { return m_decoder.cacheShape(); }
    std::int64_t layers() const override { return m_model.config().layerCount; }
    std::int64_t vocabulary() const override { return m_model.config().vocabularySize; }
    std::int64_t packedBytes() const override { return 0; }
    void prepare(std::int64_t longest, const kernels::SampleSettings& sampling, BlockCache& cache) override;
    void readPrompts(std::span<PromptRead> prompts) override;
    std::int64_t stepsAhead() const override { return kStepsAhead; }
    void begin(std::span<const StepRow> rows) override;
    StepResult fetch() override;
    std::string graphProblem() const override { return m_graphProblem; }
    std::int64_t graphSteps() const override { return m_graphSteps; }

private:
    static constexpr std::int64_t kStepsAhead = 2;

    // Memory of the host for one step: its plan and its results.
    struct Stage {
        kernels::DecodeRowPlan* plan = nullptr;
        std::int32_t* tokens = nullptr;
        float* logprobs = nullptr;
        std::unique_ptr<kernels::cuda::Event> finished;
        std::int64_t rows = 0;
    };
    struct StepKind { // everything in a step that does not lie in memory
        std::int64_t rows = 0;
        std::int64_t longest = 0;
        double temperature = 1.0;
        std::int64_t topK = 0;
        double topP = 1.0;
        auto operator<=>(const StepKind&) const = default;
    };
    struct Recorded {
        std::int64_t steps = 0; // of this kind
        std::unique_ptr<kernels::cuda::Graph> graph;
    };

    std::byte* onHost(std::int64_t bytes);
    void bringTable(const StepRow& row);
    void writePlan(std::span<const StepRow> rows, std::int64_t padded, kernels::DecodeRowPlan* plan) const;
    void run(const StepKind& kind);
    std::unique_ptr<kernels::cuda::Graph> record(const StepKind& kind);
    std::vector<const void*> addresses() const;

    const model::Model& m_model;
    const compute::Device m_device;
    std::int64_t m_prefillTokens;
    bool m_usesGraphs;
    DeviceDecoder m_decoder;
    std::array<Stage, kStepsAhead + 1> m_stages;
    std::int64_t m_begun = 0;
    std::int64_t m_fetched = 0;
    std::vector<std::byte*> m_hostMemory;
    std::int32_t* m_hostTables = nullptr; // as on the device
    std::int64_t m_longest = 0;

    kernels::SampleSettings m_sampling;
    BlockCache* m_cache = nullptr; // of the present generation
    std::map<StepKind, Recorded> m_recorded;
    std::vector<const void*> m_addresses; // that graphs have recorded
    std::string m_graphProblem;
    std::int64_t m_graphSteps = 0;
};

} // namespace midpoint::rollout
