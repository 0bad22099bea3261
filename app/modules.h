// The modules beside the program, opened when a command needs them: the engine (LibTorch), the CUDA
// module and the window (Qt).
#pragma once

#include "backend/engine/api.h"
#include "kernels/cuda/twin_checks.h"

#include <filesystem>
#include <string>
#include <vector>

namespace midpoint::app {

inline constexpr const char* kEngineModule = "libmidpoint_engine.so";
inline constexpr const char* kCudaModule = kernels::cuda::kModuleFile;
inline constexpr const char* kNcclModule = "libmidpoint_nccl.so"; // opened by the engine, on ranks that compute on devices
inline constexpr const char* kWindowModule = "libmidpoint_gui.so";

std::filesystem::path modulePath(const std::string& name); // in ../lib/midpoint, else ../lib, beside the folder of the program

engine::EngineApi& openEngine();                      // throws Error{Resource}
kernels::cuda::Module& openCuda();                    // throws Error{Resource}; opens without a driver too
// The engine's references against the device's forms (twin_checks.h).
void compareTwins(const std::string& operation, kernels::cuda::Module& module, const kernels::cuda::TwinReport& report);
bool hasDisplay();                                    // X11 or Wayland, or a Qt platform that needs none
int openWindow(const std::vector<std::string>& words); // the window's exit code; throws Error{Resource}

} // namespace midpoint::app
