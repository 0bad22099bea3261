// The instruction sets that the fast CPU forms are compiled for. One binary holds them all; the best one that the running
// machine has is chosen at run time. Results of different sets differ by rounding only.
#pragma once

#include <cstdint>
#include <vector>

namespace midpoint::kernels {

enum class CpuIsa : std::uint8_t { Baseline, Avx2, Avx512, Avx512Bf16 };

CpuIsa bestIsa();                     // what the operations use unless told otherwise
std::vector<CpuIsa> availableIsas();  // all that this machine can run, Baseline first
const char* nameOf(CpuIsa isa);       // "baseline", "avx2", "avx512", "avx512-bf16"

} // namespace midpoint::kernels
