// Attention for training over packed sequences without padding, with grouped-query heads and shared prompts.
//
// Tokens lie one after the other. Segment s covers the tokens [segmentOffsets[s], segmentOffsets[s + 1]). Group g owns the
// segments [groupOffsets[g], groupOffsets[g + 1]): the first one is its prompt, all others are responses to that prompt.
// A prompt token sees the prompt up to itself; a response token sees the whole prompt and its own response up to itself.
// A plain sequence is a group of one segment. Empty segments are allowed.
//
//   output[t, h] = sum_j softmax_j(scale * query[t, h] . key[j, h / (queryHeads / keyValueHeads)]) value[j, ...]
//
// over the tokens j that t sees. Rotary positions are applied before, by the caller.
// A unit of work is one (group, key-value head), computed by one thread in a fixed order: gradients are deterministic.
#pragma once

#include "kernels/cpu_isa.h"
#include "kernels/element_type.h"

#include <cstdint>
#include <span>

namespace midpoint::kernels {

struct PackedAttentionShape {
    std::span<const std::int64_t> segmentOffsets; // [segments + 1], begins with 0, ends with the number of tokens
    std::span<const std::int64_t> groupOffsets;   // [groups + 1], begins with 0, ends with the number of segments
    std::int64_t queryHeads = 0;
    std::int64_t keyValueHeads = 0;               // divides queryHeads
    std::int64_t headDim = 0;
    float scale = 1.0F;                           // usually 1 / sqrt(headDim)
    ElementType type = ElementType::Float32;      // of query, key, value, output and their gradients

    std::int64_t tokens() const { return segmentOffsets.empty() ? 0 : segmentOffsets.back(); }
};

// All arrays are contiguous: query and output [tokens, queryHeads, headDim], key and value [tokens, keyValueHeads, headDim].
struct PackedAttentionForward {
    const void* query = nullptr;
    const void* key = nullptr;
    const void* value = nullptr;
    void* output = nullptr;
    float* logSumExp = nullptr; // [tokens, queryHeads]: log sum_j exp(scale * query . key), kept for the backward pass
};

struct PackedAttentionBackward {
    const void* query = nullptr;
    const void* key = nullptr;
    const void* value = nullptr;
    const void* output = nullptr;
    const float* logSumExp = nullptr;
    const void* gradOutput = nullptr; // like output
    void* gradQuery = nullptr;        // like query; overwritten
    void* gradKey = nullptr;          // like key; overwritten
    void* gradValue = nullptr;        // like value; overwritten
};

// Throws Error{Internal} for offsets or heads that do not fit together. The number of threads is ATen's.
void packedAttentionForward(const PackedAttentionShape& shape, const PackedAttentionForward& arguments, CpuIsa isa = bestIsa());
void packedAttentionBackward(const PackedAttentionShape& shape, const PackedAttentionBackward& arguments, CpuIsa isa = bestIsa());

// The formula, in double and one token at a time.
void packedAttentionForwardReference(const PackedAttentionShape& shape, const PackedAttentionForward& arguments);
void packedAttentionBackwardReference(const PackedAttentionShape& shape, const PackedAttentionBackward& arguments);

} // namespace midpoint::kernels
