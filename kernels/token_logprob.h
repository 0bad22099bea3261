// Log-probability of given tokens and entropy of the next-token distribution, row by row of a matrix of logits:
//
//   logprob[r] = z[r, id[r]] - log sum_v exp(z[r, v]),   entropy[r] = -sum_v p[r, v] log p[r, v],   z = logits / temperature.
//
// Rows are independent, so a caller that cannot hold [tokens x vocabulary] calls it chunk by chunk.
#pragma once

#include "kernels/cpu_isa.h"
#include "kernels/element_type.h"

#include <cstdint>

namespace midpoint::kernels {

struct TokenLogprobShape {
    std::int64_t rows = 0;
    std::int64_t vocabulary = 0;
    double temperature = 1.0; // > 0
    ElementType type = ElementType::Float32; // of the logits and their gradient
};

struct TokenLogprobForward {
    const void* logits = nullptr;      // [rows, vocabulary]
    const std::int64_t* ids = nullptr; // [rows], each in [0, vocabulary)
    float* logprob = nullptr;          // [rows]
    float* entropy = nullptr;          // [rows], nats, of the distribution at this temperature; may be null
    float* logSumExp = nullptr;        // [rows], of logits / temperature, kept for the backward pass; may be null
};

// gradLogits[r, v] = gradLogprob[r] / temperature * ([v == id[r]] - p[r, v])
//                    - gradEntropy[r] / temperature * p[r, v] * (log p[r, v] + entropy[r])
struct TokenLogprobBackward {
    const void* logits = nullptr;
    const std::int64_t* ids = nullptr;
    const float* logSumExp = nullptr;
    const float* entropy = nullptr;     // needed with gradEntropy
    const float* gradLogprob = nullptr; // [rows]
    const float* gradEntropy = nullptr; // [rows]; may be null: zero
    void* gradLogits = nullptr;         // [rows, vocabulary]; overwritten; may be the logits
};

void tokenLogprobForward(const TokenLogprobShape& shape, const TokenLogprobForward& arguments, CpuIsa isa = bestIsa());
void tokenLogprobBackward(const TokenLogprobShape& shape, const TokenLogprobBackward& arguments, CpuIsa isa = bestIsa());

void tokenLogprobForwardReference(const TokenLogprobShape& shape, const TokenLogprobForward& arguments);
void tokenLogprobBackwardReference(const TokenLogprobShape& shape, const TokenLogprobBackward& arguments);

} // namespace midpoint::kernels
