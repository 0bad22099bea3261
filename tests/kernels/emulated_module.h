// A device without a device: host memory, and operations that run in emulated blocks, each launch in the other order of threads.
#pragma once

#include "kernels/cuda/module.h"

#include <memory>

namespace midpoint::test {

std::unique_ptr<kernels::cuda::Module> emulatedModule();

} // namespace midpoint::test
