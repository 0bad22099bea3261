// Files written so that a crash leaves the old content or the new, never half; errors name path and cause.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace midpoint {

std::string readFile(const std::filesystem::path& path); // throws Error{Io}
// Write beside, sync, rename, sync the folder. Throws Error{Io} (no space, read-only, ...) and leaves the old file.
void writeFileAtomically(const std::filesystem::path& path, std::string_view content);
void syncFile(const std::filesystem::path& path);
void syncFolder(const std::filesystem::path& folder);
void createFolders(const std::filesystem::path& folder); // like mkdir -p, throws Error{Io}

// XXH3 128-bit, as 32 hexadecimal digits.
std::string checksum(std::string_view bytes);
std::string checksumFile(const std::filesystem::path& path);
// XXH3 64-bit with the top bit cleared: stable ids that fit a signed 64-bit integer.
std::int64_t stableId(std::string_view bytes);

} // namespace midpoint
