#include "backend/engine/trainer.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/engine/live_settings.h"
#include "backend/engine/step_record.h"
#include "backend/launch/peer_lost.h"
#include "backend/policy/advantage.h"

#include <algorithm>
#include <cmath>

namespace midpoint::engine {
namespace {

constexpr double kPausePollSeconds = 0.2;
constexpr double kIdleSeconds = 10.0; // far below any deadline of an operation

// Raised inside a step when the run is asked to stop; the step is then undone.
struct StepAbandoned { };

std::int64_t tokensOf(const Group& group)
{
    std::int64_t tokens = 0;
    for (const Rollout& rollout : group.rollouts)
        tokens += std::ssize(rollout.tokens);
    return tokens;
}

// log pi_old - log pi_behaviour of every row, summed over the response.
std::vector<double> logWeights(const policy::TrainGroup& group)
{
    std::vector<double> weights;
    for (const policy::TrainRow& row : group.rows) {
        double sum = 0.0;
        for (std::size_t i = 0; i < row.oldLogprobs.size(); ++i)
            sum += static_cast<double>(row.oldLogprobs[i]) - static_cast<double>(row.behaviourLogprobs[i]);
        weights.push_back(sum);
    }
    return weights;
}

// Effective sample size of the weights as a share of the rows; 0 when a weight is not finite.
double effectiveShare(const std::vector<double>& logWeights)
{
    double total = 0.0;
    double squares = 0.0;
    const double largest = logWeights.empty() ? 0.0 : *std::max_element(logWeights.begin(), logWeights.end());
    for (const double logWeight : logWeights) {
        const double weight = std::exp(logWeight - largest);
        total += weight;
        squares += weight * weight;
    }
    const double share = total * total / squares / static_cast<double>(std::max<std::size_t>(logWeights.size(), 1));
    return std::isfinite(share) ? share : 0.0;
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

replay::FreshFractionFacts freshFractionFacts(const StepOutcome& outcome)
{
    replay::FreshFractionFacts facts;
    facts.generationSeconds = outcome.secondsOf("generate");
    facts.trainedTokens = outcome.update.trainedTokens;
    facts.trainingSeconds = outcome.secondsOf("old log-probs") + outcome.secondsOf("update");
    for (const Group* group : outcome.chosenGroups()) {
        std::int64_t tokens = 0;
        for (const Rollout& rollout : group->rollouts)
            tokens += std::ssize(rollout.tokens);
        facts.generatedTokens += tokens;
        facts.freshGroups += group->hasSignal() ? 1 : 0;
        facts.freshTokens += group->hasSignal() ? tokens : 0;
    }
    for (const replay::ReplayedGroup& replayed : outcome.replayed.groups) {
        ++facts.replayedGroups;
        for (const std::int64_t row : replayed.rows)
            facts.replayedTokens += std::ssize(replayed.group->rollouts[static_cast<std::size_t>(row)].tokens);
    }
    facts.effectiveShare = outcome.update.effectiveSampleShare;
    return facts;
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

void Trainer::phase(StepOutcome& outcome, const char* name, const std::function<void()>& work)
{
    if (m_session.stop.stop_requested())
        throw StepAbandoned {};
    m_heartbeat.setPhase(storedStep(outcome.step), name);
    const double started = systemClock().steadySeconds();
    const double waitedBefore = m_parts.crew->waitedSeconds();
    try {
        work();
    } catch (const c10::Error& error) {
        throw Error(ErrorKind::Internal, concat("step ", storedStep(outcome.step), ", phase ", name, ": ", error.what_without_backtrace()));
    } catch (const launch::PeerLost&) {
        throw; // not this phase's doing
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::Cancelled)
            throw StepAbandoned {};
        throw Error(error.kind(), concat("step ", storedStep(outcome.step), ", phase ", name, ": ", error.what()));
    }
    outcome.phases.push_back({ name, started - m_stepStarted, systemClock().steadySeconds() - started,
        m_parts.crew->waitedSeconds() - waitedBefore });
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
    m_parts.crew->beginStep();
    const double cpuStarted = processCpuSeconds();
    try {
        selectAndGenerate(outcome);
        phase(outcome, "record", [&] { recordInLedger(outcome); });
        phase(outcome, "advantages", [&] { computeAdvantages(outcome); });
        phase(outcome, "old log-probs", [&] { fillBehaviour(outcome); });
        learnFromReplay(outcome);
    } catch (const StepAbandoned&) {
        m_parts.selector->restoreState(selectorBefore);
        m_parts.ledger.rollBack(ledgerBefore);
        return std::nullopt;
    }
    // From here on the step is completed even if a stop arrives: half an update could not be undone.
    m_heartbeat.setPhase(storedStep(outcome.step), "update");
    const double started = systemClock().steadySeconds();
    const double waitedBefore = m_parts.crew->waitedSeconds();
    outcome.update = m_parts.crew->update(*m_parts.update, outcome.trained, outcome.step);
    outcome.phases.push_back({ "update", started - m_stepStarted, systemClock().steadySeconds() - started,
        m_parts.crew->waitedSeconds() - waitedBefore });
    outcome.timesOfOthers = m_parts.crew->takeTimes();
    if (m_parts.buffer != nullptr)
        m_parts.buffer->append(outcome.fresh, outcome.step);
    outcome.seconds = systemClock().steadySeconds() - m_stepStarted - outcome.secondsOf("oracle");
    outcome.cpuSeconds += processCpuSeconds() - cpuStarted; // the oracle's share was taken off before
    return outcome;
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
    const auto isReplayed = [](const policy::TrainGroup& group) { return group.isReplayed; };
    m_parts.crew->fillOldLogprobs(
        *m_parts.update, { std::find_if(outcome.trained.begin(), outcome.trained.end(), isReplayed), outcome.trained.end() });
    dropDistantReplay(outcome);
    if (!m_parts.progress.recomputesLogprobs)
        return;
    const std::span<policy::TrainGroup> fresh(
        outcome.trained.begin(), std::find_if(outcome.trained.begin(), outcome.trained.end(), isReplayed));
    m_parts.crew->fillOldLogprobs(*m_parts.update, fresh);
    for (policy::TrainGroup& group : fresh)
        for (policy::TrainRow& row : group.rows)
            row.behaviourLogprobs = row.oldLogprobs;
}

void Trainer::dropDistantReplay(StepOutcome& outcome)
{
    const double limit = m_parts.config.replay.minEffectiveShare;
    if (limit <= 0.0)
        return;
    std::vector<PromptId> distant;
    std::vector<replay::ReplayedGroup> kept;
    const std::size_t firstReplayed = outcome.trained.size() - outcome.replayed.groups.size();
    std::vector<policy::TrainGroup> trained(std::make_move_iterator(outcome.trained.begin()),
        std::make_move_iterator(outcome.trained.begin() + static_cast<std::ptrdiff_t>(firstReplayed)));
    for (std::size_t i = 0; i < outcome.replayed.groups.size(); ++i) {
        policy::TrainGroup& group = outcome.trained[firstReplayed + i];
        if (effectiveShare(logWeights(group)) < limit) {
            distant.push_back(outcome.replayed.groups[i].group->prompt);
            continue;
        }
        trained.push_back(std::move(group));
        kept.push_back(std::move(outcome.replayed.groups[i]));
    }
    outcome.trained = std::move(trained);
    outcome.replayed.groups = std::move(kept);
    outcome.droppedReplayed = std::ssize(distant);
    m_parts.buffer->drop(distant);
}

// The log-probs that replay needs anyway tell what an older group says about the present policy. Only whole groups do: the
// positive rows alone would say that the prompt is always solved.
void Trainer::learnFromReplay(const StepOutcome& outcome)
{
    difficulty::Belief* belief = m_parts.selector->belief();
    if (belief == nullptr || outcome.replayed.groups.empty())
        return;
    std::vector<difficulty::ReplayedEvidence> evidence;
    const std::size_t firstReplayed = outcome.trained.size() - outcome.replayed.groups.size();
    for (std::size_t i = 0; i < outcome.replayed.groups.size(); ++i) {
        const Group& group = *outcome.replayed.groups[i].group;
        const policy::TrainGroup& trained = outcome.trained[firstReplayed + i];
        if (trained.rows.size() != group.rollouts.size())
            continue;
        difficulty::ReplayedEvidence item { .prompt = group.prompt, .birthStep = group.birthStep, .success = {},
            .logWeight = logWeights(trained) };
        for (const Rollout& rollout : group.rollouts)
            item.success.push_back(rollout.isSuccess() ? 1 : 0);
        evidence.push_back(std::move(item));
    }
    belief->learnFromReplayed(evidence, outcome.step);
}

void Trainer::countSpending(const StepOutcome& outcome)
{
    Budget& budget = m_parts.progress.budget;
    for (const Group* group : outcome.chosenGroups()) {
        budget.rollouts += std::ssize(group->rollouts);
        budget.generatedTokens += tokensOf(*group);
    }
    for (const Group& group : outcome.reference) {
        const bool isOracle = group.purpose == Purpose::Oracle;
        (isOracle ? budget.oracleRollouts : budget.rollouts) += std::ssize(group.rollouts);
        (isOracle ? budget.oracleTokens : budget.generatedTokens) += tokensOf(group);
    }
    budget.trainedTokens += outcome.update.trainedTokens;
    budget.trainSeconds += outcome.seconds;
    budget.cpuSeconds += outcome.cpuSeconds;
    budget.oracleSeconds += outcome.secondsOf("oracle");
}

void Trainer::commit(StepOutcome& outcome)
{
    countSpending(outcome);
    if (m_parts.buffer != nullptr)
        m_parts.progress.freshFraction.observe(freshFractionFacts(outcome), m_parts.config.replay);
    ++m_parts.progress.step;

    const HealthFacts facts = healthFacts(outcome, m_parts.config);
    std::vector<store::Event> events = m_parts.health.look(facts, storedStep(outcome.step));
    m_parts.progress.activeRules = m_parts.health.active();
    if (facts.logprobDifferenceMean > facts.logprobDifferenceLimit)
        m_parts.progress.recomputesLogprobs = true;
    if (outcome.step == 0)
        for (const std::string& line : firstBatchReport(facts))
            m_session.log.info(line);

    std::vector<const Group*> graded;
    for (const Group& group : outcome.reference)
        graded.push_back(&group);
    for (const Group* group : outcome.chosenGroups())
        graded.push_back(group);
    append(events, m_parts.audit.lookAtStep(graded, storedStep(outcome.step)));

    std::vector<EvaluationResult> evaluations;
    if (isEvaluationDue())
        evaluations = evaluate();
    append(events, splitEvents(outcome, storedStep(outcome.step)));
    append(events, m_parts.audit.lookAtEvaluation(evaluations, storedStep(outcome.step)));
    const RecordContext context { m_parts.config, *m_parts.pool, *m_parts.selector, m_parts.buffer.get(), m_parts.progress.budget,
        m_parts.progress.freshFraction.fraction(m_parts.config.replay), memoryMetrics(m_parts, outcome) };
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
    const std::vector<model::NamedTensor> optimizer = m_parts.crew->gatherTrained(*m_parts.update, *m_parts.model);
    const std::filesystem::path folder = engine::saveCheckpoint(checkpoints, m_parts.state(), optimizer, m_parts.facts());
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
    for (const Group* group : outcome.chosenGroups())
        for (const Rollout& rollout : group->rollouts) {
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
    std::int64_t tokens = 0;
    for (const Group* group : outcome.chosenGroups())
        tokens += tokensOf(*group);
    for (const Group& group : outcome.reference)
        tokens += tokensOf(group);
    text += concat("  ", formatCount(std::round(static_cast<double>(tokens) / std::max(outcome.seconds, 1e-9))), " tokens/s  left ", formatDuration(left));
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
    double nextIdle = 0.0;
    while (m_isPaused && !m_stopsAfterStep && !m_session.stop.stop_requested()) {
        systemClock().sleepFor(kPausePollSeconds);
        if (systemClock().steadySeconds() >= nextIdle) {
            m_parts.crew->idle();
            nextIdle = systemClock().steadySeconds() + kIdleSeconds;
        }
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
