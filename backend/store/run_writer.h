// Writes run.db and metrics.jsonl of one run: one immediate transaction per step. Rank 0 alone owns one. Not for rollout texts
// (rollout_store.h). Not thread-safe: one owner.
//
//     RunWriter writer({ .folder = run, .info = info });           // a new run, or: .keepThroughStep = k to resume after step k
//     writer.setPrompts(prompts);
//     writer.commitStep(record);                                   // every step
//     writer.makeDurable();                                        // before a checkpoint is published
//     writer.finish();                                             // clean end: one file, DELETE mode, nothing beside it
#pragma once

#include "backend/core/clock.h"
#include "backend/store/records.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace midpoint::store {

struct RunWriterOptions {
    std::filesystem::path folder;         // the run folder: holds metrics.jsonl and, at least as published, run.db
    std::filesystem::path databaseFolder; // where run.db is written; empty: `folder` (see publication.h for network file systems)
    RunInfo info;
    // Resume: the last step that stays. Rows of later steps are kept but hidden (a new segment begins), and metrics.jsonl is
    // rewritten to hold exactly the visible steps. -1 hides everything. Empty: a new run, which refuses an existing run.db.
    std::optional<std::int64_t> keepThroughStep;
    double busyDeadlineSeconds = 10.0;    // how long a locked database is waited for
    double publishEverySeconds = 5.0;     // only when databaseFolder is another folder
    const Clock* clock = nullptr;         // null: systemClock()
};

class RunWriter {
public:
    // Throws Error{Store}: run.db exists (new run), is missing (resume), has a newer schema, is locked, cannot be written.
    explicit RunWriter(RunWriterOptions options);
    ~RunWriter(); // without finish(): leaves the database in WAL mode, complete up to the last commit
    RunWriter(const RunWriter&) = delete;
    RunWriter& operator=(const RunWriter&) = delete;

    // The pool in its order. On resume the pool must have the same ids in the same order (Error{Store} names the first difference).
    void setPrompts(std::span<const PromptRecord> prompts);
    void setRanks(std::span<const RankRecord> ranks);

    // Steps must grow. All of the record or nothing is stored; throws Error{Store} (disk full, locked past the deadline, ...).
    void commitStep(const StepRecord& record);
    // An event between steps (a command's answer, a checkpoint), in a transaction of its own.
    void addEvent(const Event& event);

    // Everything committed so far survives a power failure from here on.
    void makeDurable();
    // Clean end: checkpoints the WAL and leaves DELETE mode; a reader in the way is waited for up to the deadline, then WAL stays.
    void finish();

    std::int64_t segment() const;                   // 1, 2, ... one more per resume
    std::optional<std::int64_t> lastStep() const;   // last visible step

private:
    class Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace midpoint::store
