// What identifies a frozen model: the bytes of all its weight files.
#pragma once

#include <filesystem>
#include <string>

namespace midpoint::engine {

std::string weightsHash(const std::filesystem::path& modelFolder);

} // namespace midpoint::engine
