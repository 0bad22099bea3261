// The training loop. runStep() reads like the algorithm: select, generate, grade, record, mix in replay, advantages, update.
#pragma once

#include "backend/engine/api.h"
#include "backend/engine/run_journal.h"
#include "backend/engine/run_parts.h"
#include "backend/engine/step_outcome.h"
#include "backend/launch/commands.h"
#include "backend/launch/heartbeat.h"

#include <functional>
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
    void reuseReferences(StepOutcome& outcome) const;
    void generateFresh(StepOutcome& outcome);
    std::vector<Group> makeGroups(StepOutcome& outcome, const std::vector<difficulty::Choice>& choices);
    std::vector<std::int64_t> samplesOf(const std::vector<difficulty::Choice>& choices) const; // G of each
    std::vector<Group> rollOut(const std::vector<difficulty::Choice>& choices, const std::vector<std::int64_t>& samples);
    void completeScreened(std::vector<Group>& groups, const std::vector<std::int64_t>& samples);
    void keepForTraining(StepOutcome& outcome, std::vector<Group> groups) const;
    bool refills() const; // whether groups without signal are replaced
    void recordInLedger(const StepOutcome& outcome);
    void computeAdvantages(StepOutcome& outcome);
    void fillBehaviour(StepOutcome& outcome);
    void dropDistantReplay(StepOutcome& outcome);
    void learnFromReplay(const StepOutcome& outcome);
    void countSpending(const StepOutcome& outcome);
    std::int64_t plannedForRound() const;
    std::int64_t freshPerStep() const;
    std::int64_t replayedPerStep() const;

    void commit(StepOutcome& outcome);
    std::vector<EvaluationResult> evaluate();
    bool isEvaluationDue() const;
    void saveCheckpoint();
    void report(const StepOutcome& outcome);

    // Commands of the window; true while the run shall go on.
    bool obeyCommands();
    void obey(const launch::Command& command);
    void waitWhilePaused();

    void phase(StepOutcome& outcome, const char* name, const std::function<void()>& work);

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
