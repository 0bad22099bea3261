// The training loop. runStep() reads like the algorithm: select, generate, grade, record, mix in replay, advantages, update.
#pragma once

#include "backend/engine/api.h"
#include "backend/engine/run_journal.h"
#include "backend/engine/run_parts.h"
#include "backend/engine/step_outcome.h"
#include "backend/launch/commands.h"
#include "backend/launch/heartbeat.h"

#include <memory>
#include <optional>
#include <string>

namespace midpoint::engine {

class Trainer {
public:
    // `parts` and `journal` outlive the trainer. A resumed run has its state restored before.
    Trainer(RunParts& parts, RunJournal& journal, launch::HeartbeatWriter& heartbeat, Session& session);

    // Steps until the run has its number of steps or is stopped; ends with a checkpoint of the last complete step.
    RankResult run();

private:
    // A step that was cut short by a stop leaves no trace: nothing is returned and the state is that of before.
    std::optional<StepOutcome> runStep();
    void selectAndGenerate(StepOutcome& outcome);
    void measureReferences(StepOutcome& outcome);
    std::vector<Group> rollOut(const std::vector<difficulty::Choice>& choices, Purpose purpose);
    void recordInLedger(const std::vector<Group>& groups);
    void computeAdvantages(StepOutcome& outcome);
    void fillBehaviour(StepOutcome& outcome);
    std::int64_t plannedForRound() const;
    std::int64_t freshPerStep() const;

    void commit(StepOutcome& outcome);
    std::vector<EvaluationResult> evaluate();
    bool isEvaluationDue() const;
    void saveCheckpoint();
    void report(const StepOutcome& outcome);

    // Commands of the window; true while the run shall go on.
    bool obeyCommands();
    void obey(const launch::Command& command);
    void waitWhilePaused();

    template <typename Work>
    void phase(StepOutcome& outcome, const char* name, Work work);

    RunParts& m_parts;
    RunJournal& m_journal;
    launch::HeartbeatWriter& m_heartbeat;
    Session& m_session;
    launch::CommandInbox m_inbox;
    double m_stepStarted = 0.0;
    bool m_isPaused = false;
    bool m_stopsAfterStep = false;
    bool m_reportedFirstBatch = false;
    std::optional<std::int64_t> m_lastCheckpointStep;
    std::optional<std::int64_t> m_lastEvaluationStep;
    std::string m_lastAccuracy;
    double m_runStarted = 0.0;
    std::int64_t m_firstStep = 0;
};

} // namespace midpoint::engine
