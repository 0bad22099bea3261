// Every operation on a device against its reference on the host, over shapes, element types and edge sizes. Each case runs twice and
// must give the same bits. The tests run this on emulated blocks and on a device; `midpoint doctor --selftest` on a device.
#pragma once

#include "kernels/cuda/module.h"

#include <cstdint>
#include <functional>
#include <string>

namespace midpoint::kernels::cuda {

struct TwinResult {
    std::string operation; // "rms_norm"
    std::string what;      // shape, element type and result
    double error = 0;      // largest |found - expected| / (1 + |expected|); infinite where bits differ between two runs
    double tolerance = 0;
    bool isWithin() const { return error <= tolerance; }
};
using TwinReport = std::function<void(const TwinResult&)>;

enum class TwinSizes : std::uint8_t { Small, Large }; // Large: those too that take long where a device is emulated

inline constexpr const char* kTwinOperations[] = { "rms_norm", "rotary", "swiglu", "token_logprob", "uniform_numbers", "sample", "decode_rows",
    "paged_attention", "packed_attention", "linear" };
// Throws Error{Internal} for an operation that is not among kTwinOperations, Error{Resource} for what the device reports.
void compareTwins(const std::string& operation, Module& module, TwinSizes sizes, const TwinReport& report);

} // namespace midpoint::kernels::cuda

// compareTwins, exported by libmidpoint_engine for a program that opens the engine with dlopen.
extern "C" void midpoint_compare_twins(const std::string& operation, midpoint::kernels::cuda::Module& module,
    midpoint::kernels::cuda::TwinSizes sizes, const midpoint::kernels::cuda::TwinReport& report);
