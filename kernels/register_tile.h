// The tile of a matrix product that stays in registers: kRows rows by kVectors vectors of sums, one row of the right operand, and
// the left operand's values from memory where the instruction set can take them there. For <op>_cpu.cpp only, as simd.h.
#pragma once

#include "kernels/simd.h"

namespace midpoint::kernels::MIDPOINT_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kRows = 8; // 8 x 3 sums and 3 of the right operand in 32 registers
constexpr int kVectors = 3;
#elif defined(__AVX2__)
constexpr int kRows = 6; // 6 x 2 sums, 2 of the right operand and 1 of the left in 16 registers
constexpr int kVectors = 2;
#else
constexpr int kRows = 4;
constexpr int kVectors = 2;
#endif
constexpr std::int64_t kPanel = kVectors * kLanes;

} // namespace
} // namespace midpoint::kernels::MIDPOINT_ISA
