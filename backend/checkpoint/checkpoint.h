// Checkpoints as folders that are complete or absent: written beside, synced, renamed, with a manifest of sizes and
// checksums. What is in the files is the business of those who write them; this is only about not losing anything.
//
//   checkpoints/step_000120/manifest.json, model.safetensors, optimizer.safetensors, replay.bin, ...
#pragma once

#include "backend/core/log.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::checkpoint {

struct FileEntry {
    std::uint64_t bytes = 0;
    std::string checksum; // XXH3 128, see core/files.h
};

struct Manifest {
    std::int64_t step = 0;
    std::map<std::string, std::string> facts; // data hash, program version, ...: whatever resuming has to compare
    std::map<std::string, FileEntry> files;   // every file of the folder but the manifest
};

// Writes one checkpoint. Until commit() nothing is visible under its final name; without it the destructor removes all.
class CheckpointWriter {
public:
    CheckpointWriter(const std::filesystem::path& checkpointsFolder, std::int64_t step);
    ~CheckpointWriter();
    CheckpointWriter(const CheckpointWriter&) = delete;
    CheckpointWriter& operator=(const CheckpointWriter&) = delete;

    const std::filesystem::path& folder() const { return m_writing; } // write files here, directly
    void write(const std::string& name, std::string_view bytes);
    // Checks, syncs and renames; returns the final folder. Throws Error{Io}.
    std::filesystem::path commit(const std::map<std::string, std::string>& facts);

private:
    std::filesystem::path m_final;
    std::filesystem::path m_writing;
    std::int64_t m_step;
    bool m_isCommitted = false;
};

// Reads the manifest and compares every file with it. Throws Error{Checkpoint} naming file, expected and found.
Manifest verify(const std::filesystem::path& folder);

// Folders step_* below `checkpointsFolder`, oldest first, complete or not.
std::vector<std::filesystem::path> list(const std::filesystem::path& checkpointsFolder);

// The newest one that verifies. Damaged ones are reported to `log` and passed over.
std::optional<std::filesystem::path> newestComplete(const std::filesystem::path& checkpointsFolder, LogSink& log);

// Keeps the newest `keep` complete checkpoints and removes older ones and unfinished folders of dead writers.
void removeOld(const std::filesystem::path& checkpointsFolder, std::int64_t keep);

std::string folderName(std::int64_t step); // "step_000120"

} // namespace midpoint::checkpoint
