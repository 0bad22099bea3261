#include "backend/launch/inspect.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

namespace midpoint::launch {
namespace {

constexpr double kMsPerSecond = 1000.0;
constexpr std::string_view kCheckpointPrefix = "step_";

std::uint64_t sizeOf(const std::filesystem::path& file)
{
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    return error ? 0 : size;
}

std::uint64_t folderBytes(const std::filesystem::path& folder)
{
    std::uint64_t bytes = 0;
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
        if (entry->is_regular_file(error))
            bytes += sizeOf(entry->path());
    return bytes;
}

std::vector<CheckpointEntry> findCheckpoints(const RunFolder& folder)
{
    std::vector<CheckpointEntry> found;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder.checkpoints(), error), end; !error && entry != end; entry.increment(error)) {
        CheckpointEntry checkpoint;
        checkpoint.name = entry->path().filename().string();
        if (!startsWith(checkpoint.name, kCheckpointPrefix))
            continue;
        const char* begin = checkpoint.name.data() + kCheckpointPrefix.size();
        const char* last = checkpoint.name.data() + checkpoint.name.size();
        if (std::from_chars(begin, last, checkpoint.step).ptr != last)
            continue; // a folder that is being written, or not ours
        checkpoint.bytes = folderBytes(entry->path());
        checkpoint.hasManifest = std::filesystem::exists(entry->path() / "manifest.json", error);
        found.push_back(std::move(checkpoint));
    }
    std::ranges::sort(found, {}, &CheckpointEntry::step);
    return found;
}

void readDatabase(const RunFolder& folder, std::size_t eventCount, Inspection& inspection)
{
    const store::RunReader reader(folder.path());
    inspection.info = reader.info();
    inspection.progress = reader.progress();
    inspection.lastMetrics = reader.lastMetrics();
    const std::int64_t from = std::max<std::int64_t>(0, inspection.progress.lastEventId - static_cast<std::int64_t>(eventCount));
    inspection.events = reader.eventsSince(from);
    if (reader.isSnapshot())
        inspection.problems.push_back("the run database was read from a copy: newer steps may be missing");
}

std::string timeText(std::int64_t wallMs)
{
    const std::time_t seconds = wallMs / 1000;
    std::tm parts {};
    std::array<char, 32> text {};
    ::localtime_r(&seconds, &parts);
    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
    return text.data();
}

std::string metricText(double value)
{
    if (std::isnan(value))
        return "NaN";
    constexpr double kPlain = 1e-3;
    return value == std::floor(value) || std::abs(value) < kPlain ? shortest(value) : fixed(value, 4);
}

} // namespace

Inspection inspectRun(const std::filesystem::path& path, const Clock& clock, std::size_t eventCount)
{
    const RunFolder folder = RunFolder::open(path);
    if (!isRunFolder(folder.path()))
        throw Error(ErrorKind::Io, concat(folder.path().string(), ": expected a run folder (with run.db or config.toml), found neither"));
    Inspection inspection;
    inspection.path = folder.path();
    inspection.state = observeState(folder, clock);
    inspection.heartbeats = readHeartbeats(folder);
    inspection.checkpoints = findCheckpoints(folder);
    inspection.databaseBytes = sizeOf(folder.database());
    inspection.rolloutBytes = sizeOf(folder.rollouts());
    try {
        inspection.exit = readExitRecord(folder);
    } catch (const Error& error) {
        inspection.problems.push_back(error.what());
    }
    try {
        readDatabase(folder, eventCount, inspection);
    } catch (const Error& error) {
        inspection.problems.push_back(error.what());
    }
    for (const CheckpointEntry& checkpoint : inspection.checkpoints)
        if (!checkpoint.hasManifest)
            inspection.problems.push_back(concat("checkpoint ", checkpoint.name, " is not complete: it has no manifest.json"));
    return inspection;
}

std::string renderText(const Inspection& inspection, const Clock& clock)
{
    const auto& progress = inspection.progress;
    std::string out = concat("run         ", inspection.path.string(), "\nstate       ", describe(inspection.state), "\n");
    out += concat("step        ", progress.lastStep ? std::to_string(*progress.lastStep) : "-", " of ", progress.totalSteps);
    if (progress.lastWallMs > 0)
        out += concat(", written ", formatDuration(std::max(0.0, static_cast<double>(clock.wallMilliseconds() - progress.lastWallMs) / kMsPerSecond)), " ago");
    out += concat("\nmodel       ", inspection.info.modelName, "\nprompts     ", progress.promptCount, "\nseed        ", inspection.info.seed,
                  "\nstarts      ", progress.segments, "\nsize        run.db ", formatBytes(inspection.databaseBytes), ", rollouts.db ",
                  formatBytes(inspection.rolloutBytes), "\n");
    for (const Heartbeat& beat : inspection.heartbeats)
        out += concat("rank ", beat.rank, "      ", beat.host, " process ", beat.pid, ", step ", beat.step, ", ", beat.phase, "\n");
    if (inspection.exit && !inspection.exit->reason.empty())
        out += concat("ended       ", nameOf(inspection.exit->outcome), ": ", inspection.exit->reason, "\n");
    out += "\ncheckpoints\n";
    for (const CheckpointEntry& checkpoint : inspection.checkpoints)
        out += concat("  ", checkpoint.name, "  ", formatBytes(checkpoint.bytes), checkpoint.hasManifest ? "" : "  (not complete)", "\n");
    if (inspection.checkpoints.empty())
        out += "  none\n";
    out += "\nlast metrics\n";
    std::size_t width = 0;
    for (const auto& [name, value] : inspection.lastMetrics)
        width = std::max(width, name.size());
    for (const auto& [name, value] : inspection.lastMetrics)
        out += concat("  ", name, std::string(width - name.size() + 2, ' '), metricText(value), "\n");
    out += "\nlast events\n";
    for (const store::Event& event : inspection.events)
        out += concat("  ", timeText(event.wallMs), "  step ", event.step, "  ", store::nameOf(event.level), "  ", event.rule, ": ", event.message, "\n");
    for (const std::string& problem : inspection.problems)
        out += concat("\nproblem: ", problem, "\n");
    return out;
}

std::string renderJson(const Inspection& inspection)
{
    using nlohmann::json;
    const auto& progress = inspection.progress;
    json out { { "path", inspection.path.string() },
               { "state", wordFor(inspection.state.kind) },
               { "detail", inspection.state.detail },
               { "name", inspection.info.name },
               { "model", inspection.info.modelName },
               { "last_step", progress.lastStep ? json(*progress.lastStep) : json() },
               { "total_steps", progress.totalSteps },
               { "segments", progress.segments },
               { "prompts", progress.promptCount },
               { "last_metrics", inspection.lastMetrics },
               { "database_bytes", inspection.databaseBytes },
               { "rollout_bytes", inspection.rolloutBytes },
               { "problems", inspection.problems } };
    out["checkpoints"] = json::array();
    for (const CheckpointEntry& checkpoint : inspection.checkpoints)
        out["checkpoints"].push_back(
            { { "name", checkpoint.name }, { "step", checkpoint.step }, { "bytes", checkpoint.bytes }, { "complete", checkpoint.hasManifest } });
    out["events"] = json::array();
    for (const store::Event& event : inspection.events)
        out["events"].push_back({ { "wall_ms", event.wallMs }, { "step", event.step }, { "level", store::nameOf(event.level) },
                                  { "rule", event.rule }, { "message", event.message } });
    if (inspection.exit)
        out["exit"] = { { "outcome", nameOf(inspection.exit->outcome) }, { "code", inspection.exit->code },
                        { "signal", inspection.exit->signal },           { "rank", inspection.exit->rank },
                        { "reason", inspection.exit->reason },           { "last_step", inspection.exit->lastStep } };
    return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace midpoint::launch
