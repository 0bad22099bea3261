// From what a user names to what a command needs: the checkpoint of a run, and the settings it was trained with.
#pragma once

#include "app/command_line.h"
#include "backend/config/load.h"

#include <filesystem>

namespace midpoint::app {

// A run folder becomes its newest checkpoint that has a manifest; any other folder stays. Throws Error{Usage} if the path
// does not exist and Error{Checkpoint} if a run has no checkpoint.
std::filesystem::path checkpointFolder(const std::filesystem::path& path);

// The step of a folder named step_000120; 0 for any other.
std::int64_t stepOf(const std::filesystem::path& checkpoint);

// The settings of the run that a checkpoint lies in (its resolved.toml), or the defaults, under the overrides.
config::LoadedConfig settingsFor(const std::filesystem::path& checkpoint, const Words& overrides);

// The folder of the example projects: beside an unpacked package, in an installation's share, or in the source tree of a build.
std::filesystem::path exampleProjects();

// Throws Error{Usage} that names the option and the missing file.
void requireExisting(const std::string& what, const std::filesystem::path& path);

// For a file that a command writes at its end: throws Error{Usage} before the work if its folder is missing or not writable.
void requireWritable(const std::string& what, const std::filesystem::path& file);

} // namespace midpoint::app
