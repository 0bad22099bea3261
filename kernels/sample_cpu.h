// The vectorised parts of sampling one row of logits. Values are z = logits * factor.
#pragma once

#include "kernels/isa_dispatch.h"

#include <cstdint>

namespace midpoint::kernels {

struct SampleRow {
    const float* logits = nullptr;
    std::int64_t vocabulary = 0;
    float factor = 1.0F; // 1 / temperature
};

// A row is cut into blocks, so that a draw looks at one of them only.
struct SampleBlocks {
    static constexpr std::int64_t kMost = 256;
    std::int64_t count = 0;
    std::int64_t length = 0;  // of all but the last
    float maximum[kMost] = {};
    double sum[kMost] = {};   // of e^(z - top)
    float top = 0;            // largest z
    double total = 0;         // of the sums
};

MIDPOINT_DECLARE_FOR_EACH_ISA(
    void measureBlocks(const SampleRow& row, SampleBlocks& blocks);
    // The token at which the running sum of e^(z - top) passes `target`.
    std::int32_t drawByInversion(const SampleRow& row, const SampleBlocks& blocks, double target);
    // Writes the ids with z >= bound, in rising order, and their e^(z - top), and returns their number.
    std::int64_t collectAtLeast(const SampleRow& row, float top, float bound, std::int32_t* ids, float* weights);
    std::int32_t largestToken(const SampleRow& row, const SampleBlocks& blocks);)

} // namespace midpoint::kernels
