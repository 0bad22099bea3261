// The model as decoding on the processor sees it: one token of each sequence (or the tokens of prompts) in, logits of the next token out, keys and
// values kept in the paged cache. The weights are the model's own, copied into the order in which few rows are multiplied fastest.
#pragma once

#include "backend/model/model.h"
#include "backend/rollout/block_cache.h"
#include "kernels/packed_linear.h"
#include "kernels/rotary.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace midpoint::rollout {

struct DecodeRow {
    std::int32_t token = 0;
    std::int64_t position = 0;            // of the token; it sees all tokens up to itself
    const std::int32_t* table = nullptr;  // blocks of its sequence, as far as the position needs
};

class Decoder {
public:
    Decoder(const model::Model& model, std::int64_t blockTokens);

    // After the model's weights changed.
    void refresh();

    kernels::PagedCacheShape cacheShape() const { return m_cacheShape; }
    std::int64_t layers() const { return static_cast<std::int64_t>(m_layers.size()); }
    std::int64_t vocabulary() const { return m_vocabulary; }
    std::int64_t packedBytes() const { return m_packedBytes; }
    // The matrices of one step, for the benchmark.
    std::vector<const kernels::PackedMatrix*> matrices() const;

    // Prompt tokens: the rows of a sequence lie in order of position. `wanted` are the rows, in rising order, whose next-token
    // logits are written, [wanted, vocabulary].
    void prefill(std::span<const DecodeRow> rows, std::span<const std::int64_t> wanted, BlockCache& cache, float* logits);

    // One row per sequence: reserve(), then forEachRange() with a step that calls decodeRange() and logits() for its rows. Small
    // models are split by rows, so that each thread computes whole rows without waiting for the others; large ones have one
    // range and are split inside the operations.
    void reserve(std::int64_t rows);
    bool splitsRows() const;
    void forEachRange(std::int64_t rows, const std::function<void(std::int64_t begin, std::int64_t end)>& step) const;
    void decodeRange(std::span<const DecodeRow> rows, std::int64_t begin, std::int64_t end, BlockCache& cache);
    void logits(std::int64_t begin, std::int64_t end, float* out); // [end - begin, vocabulary]

private:
    struct Layer {
        kernels::PackedMatrix qkv, attentionOutput, gateUp, down;
    };
    // Rows of activations of the compute type.
    class Buffer {
    public:
        void reserve(std::int64_t rows, std::int64_t rowBytes);
        void* row(std::int64_t index) { return m_memory.data() + index * m_rowBytes; }
        void copyRow(std::int64_t from, std::int64_t to);

    private:
        std::vector<std::byte> m_memory;
        std::int64_t m_rowBytes = 0;
    };

    void embed(std::span<const DecodeRow> rows, std::int64_t begin, std::int64_t end);
    void runLayer(std::int64_t layer, std::int64_t begin, std::int64_t end, BlockCache& cache);
    void project(std::int64_t layer, std::int64_t begin, std::int64_t end, BlockCache& cache);
    void mix(std::int64_t layer, std::int64_t begin, std::int64_t end, BlockCache& cache);
    void finish(std::int64_t begin, std::int64_t end);
    void keepRows(std::span<const std::int64_t> wanted);
    void normaliseHeads(const model::LayerWeights& weights, std::int64_t begin, std::int64_t end);
    void linear(const kernels::PackedMatrix& matrix, const torch::Tensor& bias, std::int64_t rows, const void* x, void* y) const;
    void addNorm(const torch::Tensor& weight, std::int64_t begin, std::int64_t end);

    const model::Model& m_model;
    kernels::ElementType m_type;
    kernels::PagedCacheShape m_cacheShape;
    kernels::RotaryTable m_rotary;
    std::int64_t m_vocabulary = 0;
    std::vector<Layer> m_layers;
    kernels::PackedMatrix m_head;
    std::int64_t m_packedBytes = 0;

    std::int64_t m_reservedRows = 0;
    std::vector<std::int64_t> m_positions;
    std::vector<kernels::PagedRow> m_rows;
    Buffer m_hidden;    // the residual stream
    Buffer m_normed;
    Buffer m_residual;  // what a half layer adds to it
    Buffer m_qkv;
    Buffer m_attended;
    Buffer m_gateUp;
    Buffer m_gated;
};

} // namespace midpoint::rollout
