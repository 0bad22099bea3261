// The header of a safetensors file, read without LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace midpoint::app {

struct SafetensorsHeader {
    nlohmann::json json;         // an object
    std::uint64_t dataBegin = 0; // where the tensors' bytes begin in the file
};

// Nothing of the tensors is read. Throws Error{Model} with file, expected and found.
SafetensorsHeader safetensorsHeader(const std::filesystem::path& path);

} // namespace midpoint::app
