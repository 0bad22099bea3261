// Reads run.db, live or finished, and never writes beside it: a live database is opened for the length of one call, a finished one
// as an immutable file, and a crashed, copied or read-only one with a write-ahead log from a private copy. Polling is by
// ever-growing row id. Abandoned tails (steps that a resume went back behind) are hidden. Every call is one short read.
// Calls may come from any thread, one at a time.
//
// Errors are Error{Store} with path, expected and found: missing, not a database, truncated, newer schema, locked.
#pragma once

#include "backend/store/records.h"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::store {

struct Segment {
    std::int64_t id = 0;
    std::int64_t firstStep = 0;            // the first step it may hold: one more than the step resumed from
    std::optional<std::int64_t> cutAfter;  // steps after this one are abandoned
    std::int64_t startedMs = 0;
};

struct MetricName {
    std::int64_t id = 0;
    std::string name;
};

// Rows that came since the last poll, in order.
struct MetricRow {
    std::int64_t metric = 0; // MetricName::id
    std::int64_t step = 0;
    double value = 0.0;
};

struct MetricUpdate {
    std::int64_t lastRow = 0;          // pass it to the next poll
    std::vector<MetricName> names;     // all that the run has so far
    std::vector<MetricRow> rows;
    bool restarted = false;            // a resume hid rows that were sent before (or the file was replaced): forget them, `rows` starts at the beginning
};

// One curve. Steps grow; values may be NaN.
struct Series {
    std::string name;
    std::vector<std::int64_t> steps;
    std::vector<double> values;
    bool operator==(const Series&) const = default;
};

struct StepTime {
    std::int64_t step = 0;
    std::int64_t wallMs = 0;
    std::int64_t segment = 0;
};

// How many rows of everything there are, for cheap "did something change" checks.
struct RunProgress {
    std::optional<std::int64_t> lastStep;
    std::int64_t totalSteps = 0;
    std::int64_t firstWallMs = 0;
    std::int64_t lastWallMs = 0;
    std::int64_t segments = 0;
    std::int64_t lastEventId = 0;
    std::int64_t promptCount = 0;
};

class RunReader {
public:
    // `path` is a run folder or a database file (a snapshot).
    explicit RunReader(const std::filesystem::path& path);
    ~RunReader();
    RunReader(const RunReader&) = delete;
    RunReader& operator=(const RunReader&) = delete;

    const std::filesystem::path& path() const; // of the database file
    // True if the data is as of some moment (a published copy or a private one) rather than live; asOfMs then says when.
    bool isSnapshot() const;
    std::int64_t asOfMs() const;
    // Something was written since the last call of changed() (the first call returns true). Costs a stat or two.
    bool changed();

    RunInfo info() const;
    RunProgress progress() const;
    std::vector<Segment> segments() const;
    std::vector<RankRecord> ranks() const;

    // Metrics
    std::vector<MetricName> metricNames() const;
    MetricUpdate newMetrics(std::int64_t sinceRow, std::size_t maxRows = 4'000'000) const;
    Series series(std::string_view metric) const; // empty if the run has no such metric
    std::vector<Series> allSeries() const;        // by name, one pass
    std::map<std::string, double> metricsAt(std::int64_t step) const;
    std::map<std::string, double> lastMetrics() const; // the newest value of every metric
    std::vector<StepTime> steps() const;               // wall time of every visible step

    // Prompts and difficulty
    std::vector<PromptRecord> prompts() const;
    std::optional<PromptRecord> prompt(std::int64_t index) const;
    std::vector<Observation> observations(std::int64_t fromStep, std::int64_t toStep) const; // both included
    std::vector<Observation> observationsOf(std::int64_t promptIndex) const;
    std::vector<std::int64_t> predictionSteps() const;
    // The round that serves this step: the newest one not after it.
    std::optional<PredictionRound> predictionRound(std::int64_t step) const;
    // The predicted success rate of one prompt over all rounds.
    Series predictionsOf(std::int64_t promptIndex) const;

    // Replay buffer
    std::vector<BufferComposition> bufferCompositions(std::int64_t fromStep, std::int64_t toStep) const;
    std::vector<std::int64_t> bufferEntrySteps() const;
    std::vector<BufferEntry> bufferEntries(std::int64_t step) const; // exactly that step's list

    // Events and timing
    std::vector<Event> eventsSince(std::int64_t eventId, std::size_t maxEvents = 100'000) const;
    std::vector<PhaseTiming> phases(std::int64_t fromStep, std::int64_t toStep) const;

private:
    class Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace midpoint::store
