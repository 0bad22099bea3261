// Draws the next token of each row of a matrix of logits.
//
// z = logits / temperature. Top-k keeps the k largest (equal values: the lower id first), top-p the shortest prefix of the rest, in
// falling order and renormalised, whose probability reaches p. A token is drawn from what is kept by inversion with the
// uniform number u of its row, so a draw is a function of the row and u alone. temperature 0 is greedy: the largest logit,
// the lower id if equal. The log-prob is that of log-softmax(z) before top-k and top-p (greedy: at temperature 1).
#pragma once

#include "kernels/cpu_isa.h"

#include <cstdint>

namespace midpoint::kernels {

struct SampleSettings {
    double temperature = 1.0; // 0: greedy
    std::int64_t topK = 0;    // 0: off
    double topP = 1.0;        // 1: off
};

struct SampleArguments {
    std::int64_t rows = 0;
    std::int64_t vocabulary = 0;
    std::int64_t stride = 0;         // elements between rows, at least vocabulary; 0: all draw from one row
    const float* logits = nullptr;   // [rows, stride]
    const double* uniform = nullptr; // [rows], each in (0, 1)
    std::int32_t* token = nullptr;   // [rows]
    float* logprob = nullptr;        // [rows]
};

void sample(const SampleSettings& settings, const SampleArguments& arguments, CpuIsa isa = bestIsa());
void sampleReference(const SampleSettings& settings, const SampleArguments& arguments);

} // namespace midpoint::kernels
