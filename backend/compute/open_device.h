// From the name of a device (run.devices) to one that computes. LibTorch's CUDA library and libmidpoint_cuda are opened when the first
// CUDA device is asked for, so that a machine without them runs everything else.
#pragma once

#include "backend/compute/device.h"

#include <string>
#include <vector>

namespace midpoint::compute {

// "cpu" or "cuda:N". The device becomes the calling thread's, with a stream of its own: all computing on it has to happen on that
// thread. Throws Error{Resource} that says what is missing: LibTorch's CUDA library, libmidpoint_cuda, a driver, the device, code for it.
Device openDevice(const std::string& name);

// LibTorch's CUDA library, which registers CUDA with the CPU libraries. It has to be opened before anything asks LibTorch for CUDA: the
// answer is remembered. Throws Error{Resource} that says what to install.
void openLibTorchCuda();

// The names of all devices that could be opened, "cpu" first. `problem` says why there is no GPU among them. Opens LibTorch's
// CUDA library if there is one.
std::vector<std::string> deviceNames(std::string& problem);

} // namespace midpoint::compute
