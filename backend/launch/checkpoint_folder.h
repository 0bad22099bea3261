// What can be told of a checkpoint without reading its weights: is its manifest there, and is every file as long as it says?
// The engine compares contents as well (backend/checkpoint).
#pragma once

#include <filesystem>
#include <string>

namespace midpoint::launch {

// Why training could not go on from this folder, naming the file; empty if nothing speaks against it.
std::string checkpointProblem(const std::filesystem::path& checkpoint);

} // namespace midpoint::launch
