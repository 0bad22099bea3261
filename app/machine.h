// Facts about this machine and this build, found without LibTorch, as JSON.
#pragma once

#include <nlohmann/json.hpp>

namespace midpoint::app {

// CPU with its instruction sets, cores, memory, disk of the working folder, display, NVIDIA driver and GPUs.
nlohmann::json describeMachine();
// Version, compiler, and which modules lie beside the program.
nlohmann::json describeBuild();

} // namespace midpoint::app
