// What a file or folder holds, as JSON: runs, checkpoints, models, safetensors, prompt sets, databases, configurations.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace midpoint::app {

struct Inspection {
    nlohmann::json content; // has "kind"
    bool isDamaged = false; // something that should be complete is not; `content` says what
};

// Throws Error of the kind of what was found when it cannot be read, and Error{Data} for something unknown.
Inspection inspectPath(const std::filesystem::path& path);

} // namespace midpoint::app
