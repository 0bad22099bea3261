// Every operation on a device against its reference on the host, over shapes, element types and edge sizes. Each case runs twice and
// must give the same bits. The tests run this on emulated blocks and on a device; `midpoint doctor --selftest` on a device.
#pragma once

#include "kernels/cuda/module.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

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

const std::vector<std::string>& twinOperations();
// Throws Error{Internal} for an operation that is not among twinOperations(), Error{Resource} for what the device reports.
void compareTwins(const std::string& operation, Module& module, TwinSizes sizes, const TwinReport& report);

} // namespace midpoint::kernels::cuda
