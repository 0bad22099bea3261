#include "backend/engine/trainer.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/engine/live_settings.h"
#include "backend/engine/step_record.h"
#include "backend/policy/advantage.h"

#include <algorithm>
#include <cmath>

namespace midpoint::engine {
namespace {

constexpr double kPausePollSeconds = 0.2;

// Raised inside a step when the run is asked to stop; the step is then undone.
struct StepAbandoned { };

std::int64_t tokensOf(const std::vector<Group>& groups)
{
    std::int64_t tokens = 0;
    for (const Group& group : groups)
        for (const Rollout& rollout : group.rollouts)
            tokens += static_cast<std::int64_t>(rollout.tokens.size());
    return tokens;
}

std::int64_t rolloutsOf(const std::vector<Group>& groups)
{
    std::int64_t rollouts = 0;
    for (const Group& group : groups)
        rollouts += static_cast<std::int64_t>(group.rollouts.size());
    return rollouts;
}

// Mean length of the prompt's last responses; 0 if there were none.
double expectedTokens(const difficulty::Ledger& ledger, PromptId prompt)
{
    const std::vector<difficulty::LedgerEntry> history = ledger.history(prompt);
    if (history.empty() || history.back().attempts == 0)
        return 0.0;
    return static_cast<double>(history.back().tokens) / static_cast<double>(history.back().attempts);
}

// Without reused references, which were counted and recorded when they were made.
std::vector<Group> generatedGroups(const std::vector<Group>& fresh)
{
    std::vector<Group> groups;
    for (const Group& group : fresh)
        if (group.purpose != Purpose::Reference)
            groups.push_back(group);
    return groups;
}

void append(std::vector<store::Event>& events, std::vector<store::Event> more)
{
    std::move(more.begin(), more.end(), std::back_inserter(events));
}

policy::TrainGroup trainGroup(const Group& group, policy::Advantage kind, const std::vector<std::int64_t>* onlyRows)
{
    std::vector<double> rewards;
    for (const Rollout& rollout : group.rollouts)
        rewards.push_back(rollout.reward);
    const std::vector<double> advantages = policy::advantages(kind, rewards);
    policy::TrainGroup train;
    train.id = group.promptIndex;
    train.promptTokens = group.promptTokens;
    const auto addRow = [&](std::size_t i) {
        policy::TrainRow row;
        row.tokens = group.rollouts[i].tokens;
        row.behaviourLogprobs = group.rollouts[i].logprobs;
        row.advantage = advantages[i];
        train.rows.push_back(std::move(row));
    };
    if (onlyRows == nullptr)
        for (std::size_t i = 0; i < group.rollouts.size(); ++i)
            addRow(i);
    else
        for (const std::int64_t i : *onlyRows)
            addRow(static_cast<std::size_t>(i));
    return train;
}

} // namespace

Trainer::Trainer(RunParts& parts, RunJournal& journal, launch::HeartbeatWriter& heartbeat, Session& session)
    : m_parts(parts)
    , m_journal(journal)
    , m_heartbeat(heartbeat)
    , m_session(session)
    , m_inbox(launch::RunFolder::open(parts.runFolder))
{
}

template <typename Work>
void Trainer::phase(StepOutcome& outcome, const char* name, Work work)
{
    if (m_session.stop.stop_requested())
        throw StepAbandoned {};
    m_heartbeat.setPhase(storedStep(outcome.step), name);
    const double started = systemClock().steadySeconds();
    try {
        work();
    } catch (const c10::Error& error) {
        throw Error(ErrorKind::Internal, concat("step ", storedStep(outcome.step), ", phase ", name, ": ", error.what_without_backtrace()));
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::Cancelled)
            throw StepAbandoned {};
        throw Error(error.kind(), concat("step ", storedStep(outcome.step), ", phase ", name, ": ", error.what()));
    }
    outcome.phases.push_back({ name, started - m_stepStarted, systemClock().steadySeconds() - started });
}

RankResult Trainer::run()
{
    m_runStarted = systemClock().steadySeconds();
    m_firstStep = m_parts.progress.step;
    for (const store::Event& event : m_inbox.refuseOld(m_parts.progress.step))
        m_journal.addEvent(event);
    if (m_parts.progress.step == 0 && m_parts.evaluator != nullptr && m_parts.config.eval.atStart
        && m_parts.config.eval.everySteps > 0) {
        m_heartbeat.setPhase(0, "evaluate");
        m_journal.commitStart(evaluate());
    }
    while (m_parts.progress.step < m_parts.config.run.steps && obeyCommands()) {
        std::optional<StepOutcome> outcome = runStep();
        if (!outcome.has_value())
            break;
        commit(*outcome);
        m_heartbeat.setLastStep(m_parts.progress.step);
        const std::int64_t every = m_parts.config.checkpoint.everySteps;
        if (every > 0 && m_parts.progress.step % every == 0)
            saveCheckpoint();
    }
    saveCheckpoint();
    const bool isFinished = m_parts.progress.step >= m_parts.config.run.steps;
    return { m_parts.progress.step, isFinished ? "finished" : "stopped" };
}

std::optional<StepOutcome> Trainer::runStep()
{
    // What a step changes before its update, to be put back if it is abandoned. (The buffer's own clean-up before a draw
    // gives the same result again.)
    const std::string selectorBefore = m_parts.selector->saveState();
    const std::size_t ledgerBefore = m_parts.ledger.entries().size();

    StepOutcome outcome;
    outcome.step = m_parts.progress.step;
    m_stepStarted = systemClock().steadySeconds();
    try {
        selectAndGenerate(outcome);
        phase(outcome, "record", [&] { recordInLedger(generatedGroups(outcome.fresh)); });
        phase(outcome, "advantages", [&] { computeAdvantages(outcome); });
        phase(outcome, "old log-probs", [&] { fillBehaviour(outcome); });
    } catch (const StepAbandoned&) {
        m_parts.selector->restoreState(selectorBefore);
        m_parts.ledger.rollBack(ledgerBefore);
        return std::nullopt;
    }
    // From here on the step is completed even if a stop arrives: half an update could not be undone.
    m_heartbeat.setPhase(storedStep(outcome.step), "update");
    const double started = systemClock().steadySeconds();
    outcome.update = m_parts.update->step(outcome.trained, outcome.step);
    outcome.phases.push_back({ "update", started - m_stepStarted, systemClock().steadySeconds() - started });
    if (m_parts.buffer != nullptr)
        m_parts.buffer->append(outcome.fresh, outcome.step);
    outcome.seconds = systemClock().steadySeconds() - m_stepStarted;
    return outcome;
}

std::int64_t Trainer::freshPerStep() const
{
    const auto prompts = static_cast<double>(m_parts.config.batch.promptsPerStep);
    if (m_parts.buffer == nullptr)
        return m_parts.config.batch.promptsPerStep;
    return std::max<std::int64_t>(1, std::llround(prompts * m_parts.config.replay.freshFraction));
}

std::int64_t Trainer::plannedForRound() const
{
    const std::int64_t left = m_parts.config.run.steps - m_parts.progress.step;
    return freshPerStep() * std::min(m_parts.config.selection.intervalSteps, std::max<std::int64_t>(1, left));
}

void Trainer::selectAndGenerate(StepOutcome& outcome)
{
    difficulty::Selector& selector = *m_parts.selector;
    outcome.startedRound = selector.startsRound(outcome.step);
    if (outcome.startedRound) {
        measureReferences(outcome);
        phase(outcome, "select", [&] { selector.beginRound(outcome.step, m_parts.ledger, plannedForRound()); });
    }
    const std::int64_t groupsWanted = m_parts.config.batch.promptsPerStep;
    if (m_parts.buffer != nullptr)
        phase(outcome, "replay", [&] {
            Rng rng({ static_cast<std::uint64_t>(m_parts.config.run.seed), DrawPurpose::ReplayChoice, outcome.step, 0, 0 });
            outcome.replayed = m_parts.buffer->sample(groupsWanted - freshPerStep(), outcome.step, rng);
        });
    std::vector<difficulty::Choice> choices;
    phase(outcome, "select", [&] {
        // Whatever the buffer could not give is filled with fresh prompts. Reused references are fresh groups too.
        outcome.freshAsked = groupsWanted - static_cast<std::int64_t>(outcome.replayed.groups.size())
            - static_cast<std::int64_t>(outcome.fresh.size());
        choices = selector.take(outcome.step, std::max<std::int64_t>(0, outcome.freshAsked));
        outcome.freshGot = static_cast<std::int64_t>(choices.size());
    });
    phase(outcome, "generate", [&] {
        std::vector<Group> groups = rollOut(choices, Purpose::Train);
        std::move(groups.begin(), groups.end(), std::back_inserter(outcome.fresh));
    });
    phase(outcome, "grade", [&] { m_parts.roller->grade(outcome.fresh, m_parts.prompts->prompts); });
}

void Trainer::measureReferences(StepOutcome& outcome)
{
    const std::vector<difficulty::Choice> references = m_parts.selector->chooseReferences(outcome.step);
    if (references.empty())
        return;
    phase(outcome, "reference", [&] {
        outcome.reference = rollOut(references, Purpose::Reference);
        m_parts.roller->grade(outcome.reference, m_parts.prompts->prompts);
        recordInLedger(outcome.reference);
    });
    for (const difficulty::Choice& choice : references)
        outcome.roundReferences.push_back(choice.index);
    if (!m_parts.config.selection.reuseReference)
        return;
    // References with signal are as good as fresh prompts: they were made by the present policy. They take part in the
    // round's first step, up to the number of fresh prompts that it wants.
    for (const Group& group : outcome.reference)
        if (group.hasSignal() && static_cast<std::int64_t>(outcome.fresh.size()) < freshPerStep())
            outcome.fresh.push_back(group);
}

std::vector<Group> Trainer::rollOut(const std::vector<difficulty::Choice>& choices, Purpose purpose)
{
    std::vector<RollRequest> requests;
    for (const difficulty::Choice& choice : choices) {
        const Purpose own = purpose == Purpose::Train ? choice.purpose() : purpose;
        requests.push_back({ &m_parts.prompts->prompts[static_cast<std::size_t>(choice.index)], own,
            m_parts.config.rollout.samplesPerPrompt, expectedTokens(m_parts.ledger, choice.prompt) });
    }
    return m_parts.roller->generate(requests, m_parts.progress.step, trainSampling(m_parts.config), m_session.stop);
}

void Trainer::recordInLedger(const std::vector<Group>& groups)
{
    for (const Group& group : groups)
        m_parts.ledger.add(group);
}

void Trainer::computeAdvantages(StepOutcome& outcome)
{
    const policy::Advantage kind = policy::parseAdvantage(m_parts.config.policy.advantage);
    for (const Group& group : outcome.fresh)
        outcome.trained.push_back(trainGroup(group, kind, nullptr));
    for (const replay::ReplayedGroup& replayed : outcome.replayed.groups) {
        outcome.trained.push_back(trainGroup(*replayed.group, kind, &replayed.rows));
        outcome.trained.back().isReplayed = true;
    }
}

void Trainer::fillBehaviour(StepOutcome& outcome)
{
    // Replayed rows: pi_old is not the policy that sampled them. Fresh rows: the recorded log-probs serve, unless rollout and
    // trainer were found to differ too much; then the trainer's own take their place.
    const auto firstReplayed = std::find_if(
        outcome.trained.begin(), outcome.trained.end(), [](const policy::TrainGroup& group) { return group.isReplayed; });
    m_parts.update->fillOldLogprobs({ firstReplayed, outcome.trained.end() });
    if (!m_parts.progress.recomputesLogprobs)
        return;
    const std::span<policy::TrainGroup> fresh(outcome.trained.begin(), firstReplayed);
    m_parts.update->fillOldLogprobs(fresh);
    for (policy::TrainGroup& group : fresh)
        for (policy::TrainRow& row : group.rows)
            row.behaviourLogprobs = row.oldLogprobs;
}

void Trainer::commit(StepOutcome& outcome)
{
    Budget& budget = m_parts.progress.budget;
    std::vector<Group> generated = generatedGroups(outcome.fresh);
    budget.rollouts += rolloutsOf(outcome.reference) + rolloutsOf(generated);
    budget.generatedTokens += tokensOf(outcome.reference) + tokensOf(generated);
    budget.trainedTokens += outcome.update.trainedTokens;
    budget.trainSeconds += outcome.seconds;
    ++m_parts.progress.step;

    const HealthFacts facts = healthFacts(outcome, m_parts.config);
    std::vector<store::Event> events = m_parts.health.look(facts, storedStep(outcome.step));
    m_parts.progress.activeRules = m_parts.health.active();
    if (facts.logprobDifferenceMean > facts.logprobDifferenceLimit)
        m_parts.progress.recomputesLogprobs = true;
    if (outcome.step == 0)
        for (const std::string& line : firstBatchReport(facts))
            m_session.log.info(line);

    std::vector<Group> graded = outcome.reference;
    std::move(generated.begin(), generated.end(), std::back_inserter(graded));
    append(events, m_parts.audit.lookAtStep(graded, storedStep(outcome.step)));

    std::vector<EvaluationResult> evaluations;
    if (isEvaluationDue())
        evaluations = evaluate();
    append(events, m_parts.audit.lookAtEvaluation(evaluations, storedStep(outcome.step)));
    const RecordContext context { m_parts.config, *m_parts.pool, *m_parts.selector, m_parts.buffer.get(), budget };
    m_journal.commitStep(outcome, context, std::move(events), evaluations);
    report(outcome);
}

bool Trainer::isEvaluationDue() const
{
    const std::int64_t every = m_parts.config.eval.everySteps;
    if (m_parts.evaluator == nullptr || every == 0)
        return false;
    return m_parts.progress.step % every == 0 || m_parts.progress.step == m_parts.config.run.steps;
}

std::vector<EvaluationResult> Trainer::evaluate()
{
    m_heartbeat.setPhase(m_parts.progress.step, "evaluate");
    // Not stopped half-way: a held-out value is of the whole set or not there.
    std::vector<EvaluationResult> results = m_parts.evaluator->evaluate(m_parts.progress.step, {});
    for (const EvaluationResult& result : results)
        m_parts.progress.budget.evaluationSeconds += result.seconds;
    if (!results.empty())
        m_lastAccuracy = fixed(results.front().meanAccuracy, 3);
    return results;
}

void Trainer::saveCheckpoint()
{
    if (m_lastCheckpointStep == m_parts.progress.step)
        return;
    m_heartbeat.setPhase(m_parts.progress.step, "checkpoint");
    const double started = systemClock().steadySeconds();
    m_journal.makeDurable();
    const std::filesystem::path checkpoints = m_parts.runFolder / "checkpoints";
    const std::filesystem::path folder = engine::saveCheckpoint(checkpoints, m_parts.state(), m_parts.facts());
    checkpoint::removeOld(checkpoints, m_parts.config.checkpoint.keep);
    m_lastCheckpointStep = m_parts.progress.step;
    m_journal.addEvent(m_parts.progress.step, store::EventLevel::Info, "checkpoint",
        concat(folder.filename().string(), " written in ", formatDuration(systemClock().steadySeconds() - started)));
}

void Trainer::report(const StepOutcome& outcome)
{
    if (!m_session.progress)
        return;
    const HealthFacts facts = healthFacts(outcome, m_parts.config);
    double reward = 0.0;
    std::int64_t rollouts = 0;
    for (const Group& group : outcome.fresh)
        for (const Rollout& rollout : group.rollouts) {
            reward += rollout.reward;
            ++rollouts;
        }
    const std::int64_t done = m_parts.progress.step;
    const double elapsed = systemClock().steadySeconds() - m_runStarted;
    const double left
        = elapsed / static_cast<double>(done - m_firstStep) * static_cast<double>(m_parts.config.run.steps - done);
    std::string text = concat("reward ", fixed(rollouts > 0 ? reward / static_cast<double>(rollouts) : 0.0, 3));
    if (!m_lastAccuracy.empty())
        text += concat("  held-out ", m_lastAccuracy);
    const auto without = static_cast<double>(facts.groups - facts.groupsWithSignal);
    text += concat("  without signal ", fixed(facts.groups > 0 ? 100.0 * without / static_cast<double>(facts.groups) : 0.0, 0), " %");
    if (const auto pearson = m_journal.lastMetric("dots/pred_pearson"))
        text += concat("  Pearson ", fixed(*pearson, 2));
    const auto tokens = static_cast<double>(tokensOf(outcome.fresh) + tokensOf(outcome.reference));
    text += concat("  ", formatCount(std::round(tokens / std::max(outcome.seconds, 1e-9))), " tokens/s  left ", formatDuration(left));
    m_session.progress({ done, m_parts.config.run.steps, text });
}

bool Trainer::obeyCommands()
{
    std::vector<std::string> problems;
    for (const launch::Command& command : m_inbox.read(problems))
        obey(command);
    for (const std::string& problem : problems)
        m_journal.addEvent(m_parts.progress.step, store::EventLevel::Warning, "command", problem);
    if (m_isPaused)
        waitWhilePaused();
    return !m_stopsAfterStep && !m_session.stop.stop_requested();
}

void Trainer::waitWhilePaused()
{
    m_heartbeat.setPhase(m_parts.progress.step, launch::kPhasePaused);
    while (m_isPaused && !m_stopsAfterStep && !m_session.stop.stop_requested()) {
        systemClock().sleepFor(kPausePollSeconds);
        std::vector<std::string> problems;
        for (const launch::Command& command : m_inbox.read(problems))
            obey(command);
    }
}

void Trainer::obey(const launch::Command& command)
{
    using launch::CommandKind;
    std::string message = "done";
    launch::Answer answer = launch::Answer::Done;
    try {
        switch (command.kind) {
        case CommandKind::Pause:
            m_isPaused = true;
            break;
        case CommandKind::Continue:
            m_isPaused = false;
            break;
        case CommandKind::Checkpoint:
            saveCheckpoint();
            break;
        case CommandKind::StopAfterStep:
        case CommandKind::StopNow:
            m_stopsAfterStep = true;
            break;
        case CommandKind::Set:
            message = changeSetting(m_parts, command.key, command.value);
            break;
        case CommandKind::ExcludePrompt:
        case CommandKind::PinPrompt:
        case CommandKind::UnpinPrompt:
            message = steerPrompt(m_parts, command);
            break;
        }
    } catch (const Error& error) {
        answer = launch::Answer::Refused;
        message = error.what();
    }
    m_journal.addEvent(m_inbox.answer(command, answer, message, m_parts.progress.step));
}

} // namespace midpoint::engine
