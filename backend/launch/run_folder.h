// The folder of one run: where everything lies, how it is made, and the lock that says whether its supervisor lives.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::launch {

class RunFolder {
public:
    // An existing run folder; no check but that it is a folder. Throws Error{Io}.
    static RunFolder open(const std::filesystem::path& path);
    // Makes the folder and its subfolders (keeps what is there). Throws Error{Io} if it cannot be written.
    static RunFolder create(const std::filesystem::path& path);

    const std::filesystem::path& path() const { return m_path; }
    std::string name() const { return m_path.filename().string(); }
    std::filesystem::path config() const { return m_path / "config.toml"; }
    std::filesystem::path resolved() const { return m_path / "resolved.toml"; }
    std::filesystem::path database() const { return m_path / "run.db"; }
    std::filesystem::path rollouts() const { return m_path / "rollouts.db"; }
    std::filesystem::path metricsLog() const { return m_path / "metrics.jsonl"; }
    std::filesystem::path commands() const { return m_path / "commands"; }
    std::filesystem::path checkpoints() const { return m_path / "checkpoints"; }
    std::filesystem::path heartbeats() const { return m_path / "heartbeat"; }
    std::filesystem::path lock() const { return m_path / "run.lock"; }
    std::filesystem::path exitRecord() const { return m_path / "exit.json"; }
    std::filesystem::path log(std::int64_t rank) const;

private:
    explicit RunFolder(std::filesystem::path path);
    std::filesystem::path m_path;
};

// True if the folder looks like a run: it has config.toml, run.db or run.lock.
bool isRunFolder(const std::filesystem::path& path);
// Run folders directly below `root`, by name.
std::vector<std::filesystem::path> findRunFolders(const std::filesystem::path& root);

// Who holds run.lock, as it wrote itself into the file.
struct LockHolder {
    std::int64_t pid = 0;
    std::string host;
    std::int64_t sinceMs = 0;
};

// An exclusive flock on run.lock. The kernel lets go of it at any death of the holder; it is not inherited by rank processes.
class RunLock {
public:
    // Throws Error{Resource} that names the lock file and its holder if the run is in use, Error{Io} if it cannot be made.
    static RunLock acquire(const RunFolder& folder);
    ~RunLock();
    RunLock(RunLock&& other) noexcept;
    RunLock& operator=(RunLock&& other) noexcept;
    RunLock(const RunLock&) = delete;
    RunLock& operator=(const RunLock&) = delete;

private:
    explicit RunLock(int descriptor);
    int m_descriptor = -1;
};

// The holder if the lock is held now (by any process of this host), nothing if it is free or was never made.
std::optional<LockHolder> lockHolder(const RunFolder& folder);
// What run.lock says about its last holder, held or not.
std::optional<LockHolder> lastLockHolder(const RunFolder& folder);

std::string hostName();

} // namespace midpoint::launch
