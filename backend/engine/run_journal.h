// What a run leaves behind: run.db, metrics.jsonl and rollouts.db, one transaction per step. The trainer never sees SQL.
#pragma once

#include "backend/core/log.h"
#include "backend/engine/run_parts.h"
#include "backend/engine/step_record.h"
#include "backend/store/rollout_store.h"
#include "backend/store/run_writer.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::engine {

class RunJournal {
public:
    // `resumedAfter`: the last stored step that stays, when a run continues. Throws Error{Store}.
    RunJournal(const RunParts& parts, std::string modelName, std::optional<std::int64_t> resumedAfter, LogSink& log);

    // The state before training: an evaluation, stored as step 0.
    void commitStart(const std::vector<EvaluationResult>& evaluations);
    void commitStep(const StepOutcome& outcome, const RecordContext& context, std::vector<store::Event> events,
        const std::vector<EvaluationResult>& evaluations);
    // Between steps; also goes to the log.
    void addEvent(const store::Event& event);
    void addEvent(std::int64_t step, store::EventLevel level, const std::string& rule, const std::string& message);
    void makeDurable();
    void finish();

    std::optional<double> lastMetric(const std::string& name) const;

private:
    void logEvent(const store::Event& event);
    void storeRollouts(const StepOutcome& outcome);

    const RunParts& m_parts;
    LogSink& m_log;
    std::filesystem::path m_databases; // where they are written: not always the run folder (store/publication.h)
    store::RunWriter m_writer;
    std::unique_ptr<store::RolloutStore> m_rollouts; // null: none are stored, or the file could not be written any more
    std::map<std::string, double> m_lastMetrics;
};

} // namespace midpoint::engine
