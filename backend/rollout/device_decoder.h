// Decoding on a device: the arrays that a step reads and writes, at addresses that do not change, and the operations of a step. A step
// allocates nothing and waits for nothing, so it can be recorded as a graph and started again.
#pragma once

#include "backend/compute/device.h"
#include "backend/model/model.h"
#include "backend/rollout/block_cache.h"
#include "backend/rollout/step_decoder.h"
#include "kernels/decode_rows.h"

#include <cstdint>
#include <span>
#include <vector>

namespace midpoint::rollout {

class DeviceDecoder {
public:
    // Steps of at most so many rows.
    DeviceDecoder(const model::Model& model, std::int64_t blockTokens, std::int64_t mostRows);

    // Of all arrays, with room for sequences of so many tokens.
    static std::int64_t arrayBytes(const model::Model& model, std::int64_t mostRows, std::int64_t longest);

    const kernels::PagedCacheShape& cacheShape() const { return m_cacheShape; }
    std::int64_t mostRows() const { return m_mostRows; }
    // Of block tables; the last table, mostRows(), belongs to rows that stand for no sequence.
    std::int64_t tableStride() const { return m_tables.size(1); }

    // Room for sequences of so many tokens. True if arrays have moved.
    bool reserve(std::int64_t longest, BlockCache& cache);

    // Reads prompts whole and draws first tokens; waits for them.
    void readPrompts(std::span<PromptRead> prompts, const kernels::SampleSettings& sampling, BlockCache& cache, std::int64_t tokensAtOnce);

    kernels::DecodeRowPlan* plan() const { return static_cast<kernels::DecodeRowPlan*>(m_plan.data_ptr()); } // [mostRows], on the device
    std::int32_t* tables() const { return m_tables.data_ptr<std::int32_t>(); }
    const std::int32_t* drawn() const { return m_drawn.const_data_ptr<std::int32_t>(); } // of the last step
    const float* logprobs() const { return m_logprobs.const_data_ptr<float>(); }

    // One token for each of the plan's first rows, of which none sees more than `longest` tokens.
    void step(std::int64_t rows, std::int64_t longest, const kernels::SampleSettings& sampling, BlockCache& cache);

private:
    struct Rows; // views of the arrays' first rows

    torch::Tensor array(std::int64_t width, torch::ScalarType type) const;
    void project(Rows& rows, const model::LayerWeights& weights, std::int64_t layer, BlockCache& cache);
    void mix(Rows& rows, const model::LayerWeights& weights, std::int64_t layer, std::int64_t longest, BlockCache& cache);
    void addNorm(Rows& rows, const torch::Tensor& weight);
    void normaliseHeads(Rows& rows, const model::LayerWeights& weights);
    void drawTokens(const Rows& rows, const kernels::SampleSettings& sampling);
    void readSome(std::span<PromptRead> prompts, const kernels::SampleSettings& sampling, BlockCache& cache);
    torch::Tensor lastHidden(std::span<const PromptRead> prompts, BlockCache& cache) const;
    void drawFirst(std::span<PromptRead> prompts, const torch::Tensor& logits, const kernels::SampleSettings& sampling) const;

    const model::Model& m_model;
    const compute::Device m_device;
    kernels::ElementType m_type;
    kernels::PagedCacheShape m_cacheShape;
    std::int64_t m_mostRows;
    std::int64_t m_logitRows; // computed at once

    torch::Tensor m_plan;     // bytes
    torch::Tensor m_tables;   // [mostRows + 1, blocks] int32
    torch::Tensor m_token, m_position, m_row, m_uniform; // of the step, from its plan
    torch::Tensor m_hidden, m_normed, m_residual, m_qkv, m_query, m_key, m_attended, m_gateUp, m_gated;
    torch::Tensor m_logits;   // of the compute type
    torch::Tensor m_values;   // the same in float32
    torch::Tensor m_drawn, m_logprobs;
    torch::Tensor m_workspace; // of attention
};

} // namespace midpoint::rollout
