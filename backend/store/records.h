// What a run records, as plain data shared by RunWriter and RunReader. Steps are counted from 1; step 0 is the state before
// training (an evaluation at the start). A missing number is NaN. No SQL and no behaviour here.
#pragma once

#include "backend/core/rollout.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace midpoint::store {

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// Written once when the run starts (and again, unchanged, when it resumes).
struct RunInfo {
    std::string name;
    std::string version;      // of the program
    std::string configText;   // config.toml as given
    std::string resolvedText; // resolved.toml: every key with the value used
    std::string dataHash;
    std::string modelName;
    std::int64_t seed = 0;
    std::int64_t totalSteps = 0;
};

// One prompt of the pool; `index` is its position, and the order of every prediction round.
struct PromptRecord {
    std::int64_t index = 0;
    PromptId id = 0;
    std::string text;
    std::string answer;
    std::string source; // data file or data set name
    bool operator==(const PromptRecord&) const = default;
};

// One process of the run.
struct RankRecord {
    std::int64_t rank = 0;
    std::string host;
    std::int64_t pid = 0;
    std::string device;     // "cpu", "cuda:0"
    std::string deviceName; // "NVIDIA H200"
    std::int64_t memoryBytes = 0;
};

struct Metric {
    std::string name; // a name of the metric catalogue (metric_catalogue.h), or a new one
    double value = kMissing;
    bool operator==(const Metric&) const = default;
};

// A row of the ledger: graded rollouts of one prompt, one purpose, one step.
struct Observation {
    std::int64_t promptIndex = 0;
    Purpose purpose = Purpose::Train;
    std::int64_t attempts = 0;
    std::int64_t successes = 0;
    std::int64_t tokens = 0;      // generated, over all attempts
    std::int64_t truncated = 0;   // attempts cut at the length limit
    std::int64_t unparseable = 0; // attempts without a readable answer
    double rewardSum = 0.0;
    double logprobSum = 0.0;      // over all tokens of all attempts, behaviour policy
    std::int64_t step = 0;        // filled by the reader; the writer uses StepRecord::step
};

// Beliefs about every prompt of the pool, and what was chosen on their ground.
struct PredictionRound {
    std::int64_t step = 0;                // first step that the round serves
    std::string belief;                   // "predictor", "posterior", ...
    std::vector<float> successRates;      // in prompt order, NaN where there is no belief; stored as float16
    std::vector<float> signals;           // predicted p (1 - p) where the belief has its own head; else empty
    std::vector<std::int32_t> references; // prompt indices measured as the reference set
    std::vector<std::int32_t> selected;   // prompt indices chosen for the round
};

// A histogram over one or two axes. One axis: counts.size() == edges.size() - 1. Two: row-major, edges x secondEdges.
struct Histogram {
    std::string name; // "age", "difficulty", "reward", "age_reward", "ratio_fresh", "ratio_replayed", ...
    std::vector<double> edges;
    std::vector<double> secondEdges;
    std::vector<double> counts;
    bool operator==(const Histogram&) const = default;
};

struct BufferComposition {
    std::int64_t step = 0;
    std::int64_t entries = 0;
    std::int64_t capacity = 0;
    std::int64_t reusedGroups = 0; // replayed in this step
    std::int64_t freshGroups = 0;
    std::int64_t admitted = 0;
    std::int64_t evicted = 0;
    std::vector<Histogram> histograms;
};

// One group in the replay buffer, as listed every few steps.
struct BufferEntry {
    std::int64_t promptIndex = 0;
    std::int64_t birthStep = 0;
    std::int64_t uses = 0;
    std::int64_t attempts = 0;
    std::int64_t successes = 0;
    std::int64_t tokens = 0;
    double rewardMean = kMissing;
    double advantageMax = kMissing;
    double behaviourLogprobMean = kMissing;
    double ratioMean = kMissing;       // pi_now / pi_behaviour when last used
    std::int64_t evictedInSteps = -1;  // estimate; -1: not known
};

enum class EventLevel { Info = 0, Warning = 1, Error = 2 };

struct Event {
    std::int64_t id = 0;     // ever-growing; filled by the reader
    std::int64_t wallMs = 0; // 0: the writer fills in its clock
    std::int64_t step = 0;
    EventLevel level = EventLevel::Info;
    std::string rule;        // stable word: "started", "resumed", "checkpoint", "evaluation", "command", "entropy_collapse", ...
    std::string message;     // for people
    std::string data;        // JSON object or empty
};

// Where the time of a step went, per rank: the phase timeline.
struct PhaseTiming {
    std::int64_t rank = 0;
    std::string phase;         // "select", "generate", "grade", "update", "wait", ...
    double startSeconds = 0.0; // since the start of the step
    double seconds = 0.0;
    std::int64_t step = 0;     // filled by the reader
};

// Everything one step leaves behind; committed as one transaction.
struct StepRecord {
    std::int64_t step = 0;
    std::int64_t wallMs = 0; // 0: the writer fills in its clock
    std::vector<Metric> metrics;
    std::vector<Observation> observations;
    std::vector<PredictionRound> predictionRounds;
    std::vector<BufferComposition> buffer;   // none or one
    std::vector<BufferEntry> bufferEntries;  // the full list; leave empty on most steps
    std::vector<Event> events;
    std::vector<PhaseTiming> phases;
};

const char* nameOf(EventLevel level); // "info", "warning", "error"

} // namespace midpoint::store
