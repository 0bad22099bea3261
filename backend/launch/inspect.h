// `midpoint inspect PATH` for a run folder: state, progress, last metrics, newest events, checkpoints, and what is broken.
#pragma once

#include "backend/core/clock.h"
#include "backend/launch/run_state.h"
#include "backend/store/run_reader.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace midpoint::launch {

struct CheckpointEntry {
    std::string name;          // "step_000120"
    std::int64_t step = 0;
    std::uint64_t bytes = 0;
    bool hasManifest = false;  // without one it is not complete
};

struct Inspection {
    std::filesystem::path path;
    RunState state;
    store::RunInfo info;
    store::RunProgress progress;
    std::map<std::string, double> lastMetrics;
    std::vector<store::Event> events; // the newest, oldest of them first
    std::vector<CheckpointEntry> checkpoints;
    std::vector<Heartbeat> heartbeats;
    std::optional<ExitRecord> exit;
    std::uint64_t databaseBytes = 0;
    std::uint64_t rolloutBytes = 0;
    std::vector<std::string> problems; // what could not be read, and why
};

// Throws Error{Io} only if `path` is no run folder; whatever else is broken becomes a problem.
Inspection inspectRun(const std::filesystem::path& path, const Clock& clock = systemClock(), std::size_t eventCount = 10);

std::string renderText(const Inspection& inspection, const Clock& clock = systemClock());
std::string renderJson(const Inspection& inspection);

} // namespace midpoint::launch
