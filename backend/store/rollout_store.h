// rollouts.db: what the model wrote, as whole groups; texts, token ids and log-probs compressed with zstd. Large and optional: the
// cap drops the oldest steps, and a lost or broken rollouts.db costs no metric.
#pragma once

#include "backend/core/clock.h"
#include "backend/store/records.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace midpoint::store {

struct StoredRollout {
    Rollout rollout;
    double advantage = kMissing;
    std::vector<float> trainerLogprobs;   // of the policy when it was trained on; may be empty
    std::vector<float> entropies;         // may be empty
    std::vector<std::int32_t> tokenEnds;  // end of each token in rollout.text, in bytes; may be empty
};

struct StoredGroup {
    std::int64_t id = 0;          // filled by the store
    std::int64_t step = 0;        // when it was recorded (trained, evaluated)
    std::int64_t promptIndex = 0;
    std::int64_t birthStep = 0;   // when it was generated; age = step - birthStep
    Purpose purpose = Purpose::Train;
    bool isReplayed = false;
    std::vector<std::int32_t> promptTokens;
    std::vector<StoredRollout> rollouts;
};

struct RolloutStoreOptions {
    std::int64_t maxBytes = 2'000'000'000; // above it the oldest steps are dropped until 90 % are left; 0: no cap
    double busyDeadlineSeconds = 10.0;
    std::filesystem::path published;       // where others see the file; empty: where it is written (publication.h)
    double publishEverySeconds = 5.0;
    const Clock* clock = nullptr;
};

class RolloutStore {
public:
    // Creates or continues `file`. On resume pass the last step that stays: later rows are deleted.
    RolloutStore(const std::filesystem::path& file, RolloutStoreOptions options,
                 std::optional<std::int64_t> keepThroughStep = std::nullopt);
    ~RolloutStore();
    RolloutStore(const RolloutStore&) = delete;
    RolloutStore& operator=(const RolloutStore&) = delete;

    // One transaction for all groups of a step; `step` is written to each.
    void append(std::int64_t step, std::span<const StoredGroup> groups);
    std::int64_t droppedGroups() const; // by the cap, since the file was made
    void publish();                     // now, where others see it elsewhere
    void finish();                      // clean end: DELETE mode, nothing beside the file

private:
    class Impl;
    std::unique_ptr<Impl> m_impl;
};

// Which rollouts a reader asks for; unset fields do not restrict.
struct RolloutFilter {
    std::optional<std::int64_t> step;
    std::optional<std::int64_t> fromStep;
    std::optional<std::int64_t> toStep;
    std::optional<std::int64_t> promptIndex;
    std::optional<Verdict> verdict;
    std::optional<FinishReason> finish;
    std::optional<Purpose> purpose;
    std::optional<bool> isReplayed;
    std::string text;          // somewhere in the response, ASCII case ignored
    std::size_t limit = 1000;
    std::size_t offset = 0;
};

// A line of the list: everything but the text and the tokens.
struct RolloutSummary {
    std::int64_t groupId = 0;
    std::int64_t sample = 0; // index in the group
    std::int64_t step = 0;
    std::int64_t birthStep = 0;
    std::int64_t promptIndex = 0;
    Purpose purpose = Purpose::Train;
    bool isReplayed = false;
    Verdict verdict = Verdict::Wrong;
    FinishReason finish = FinishReason::EndOfSequence;
    double reward = 0.0;
    double advantage = kMissing;
    std::int64_t tokens = 0;
    std::string extracted;
};

// Opens like RunReader: never writes beside the file. Throws Error{Store}.
class RolloutReader {
public:
    explicit RolloutReader(const std::filesystem::path& path); // run folder or file
    ~RolloutReader();
    RolloutReader(const RolloutReader&) = delete;
    RolloutReader& operator=(const RolloutReader&) = delete;

    static bool exists(const std::filesystem::path& path);
    std::vector<std::int64_t> steps() const;
    std::vector<std::int64_t> promptsAt(std::int64_t step) const;
    std::vector<RolloutSummary> find(const RolloutFilter& filter, std::stop_token stop = {}) const; // newest step first
    std::vector<StoredGroup> groups(std::int64_t step, std::optional<std::int64_t> promptIndex = {}) const;
    std::optional<StoredGroup> group(std::int64_t groupId) const;

private:
    class Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace midpoint::store
