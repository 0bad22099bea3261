// LibTorch for programs that do not lie beside it: found in a Python environment and opened ahead of the engine, so that no
// LD_LIBRARY_PATH is needed, which graders and other child processes would inherit.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace midpoint::app {

inline constexpr const char* kTorchVersion = MIDPOINT_TORCH_VERSION; // built with; the last number may differ

// What the search asks of its surroundings.
struct TorchSurroundings {
    std::function<std::string(const char*)> variable;  // of the environment; empty if it is not set
    std::function<std::filesystem::path()> ofPython;   // the folder torch of python3 on PATH; empty if there is none
    std::filesystem::path note;                        // a file with the folder, as `cmake --install` writes it
};
TorchSurroundings torchSurroundings(const std::filesystem::path& moduleFolder);

// The folder torch of the wheel: in MIDPOINT_TORCH (an environment, its site-packages or the folder itself), else in an active
// environment (VIRTUAL_ENV, CONDA_PREFIX), else the noted one, else that of python3. Throws Error{Resource} that says what
// was looked at and what to install.
std::filesystem::path findLibTorch(const TorchSurroundings& surroundings);

// Opens its libraries for all modules of this process. Throws Error{Resource}.
void openLibTorch(const std::filesystem::path& folder);

// The folder torch that this process computes with, and of NCCL beside it its file and "version", or the "problem". Empty
// before the engine is open.
nlohmann::json describeLibTorch();

} // namespace midpoint::app
