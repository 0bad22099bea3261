// The part of a step that makes rollouts: references, the choice of prompts, generation, screening, refilling.
#include "backend/engine/trainer.h"

#include "backend/config/checks.h"
#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <cmath>

namespace midpoint::engine {
namespace {

// Mean length of the prompt's last responses; 0 if there were none.
double expectedTokens(const difficulty::Ledger& ledger, PromptId prompt)
{
    const std::vector<difficulty::LedgerEntry> history = ledger.history(prompt);
    if (history.empty() || history.back().attempts == 0)
        return 0.0;
    return static_cast<double>(history.back().tokens) / static_cast<double>(history.back().attempts);
}

} // namespace

std::int64_t Trainer::freshPerStep() const
{
    const std::int64_t prompts = m_parts.config.batch.promptsPerStep;
    if (m_parts.buffer == nullptr)
        return prompts;
    const auto fresh = static_cast<double>(prompts) * m_parts.progress.freshFraction.fraction(m_parts.config.replay);
    return std::clamp<std::int64_t>(std::llround(fresh), 1, prompts);
}

std::int64_t Trainer::plannedForRound() const
{
    const std::int64_t left = m_parts.config.run.steps - m_parts.progress.step;
    return freshPerStep() * std::min(m_parts.config.selection.intervalSteps, std::max<std::int64_t>(1, left));
}

bool Trainer::refills() const { return m_parts.config.selection.strategy == "dynamic-sampling"; }

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
    // Whatever the buffer could not give is filled with fresh prompts. Reused references are fresh groups too.
    outcome.freshAsked = std::max<std::int64_t>(0, groupsWanted - std::ssize(outcome.replayed.groups) - std::ssize(outcome.fresh));
    generateFresh(outcome);
}

void Trainer::measureReferences(StepOutcome& outcome)
{
    const std::vector<difficulty::Choice> references = m_parts.selector->chooseReferences(outcome.step);
    if (references.empty())
        return;
    const config::SelectionSection& settings = m_parts.config.selection;
    const bool isOracle = references.front().purpose() == Purpose::Oracle;
    const std::int64_t samples = isOracle ? settings.oracleSamples : m_parts.config.rollout.samplesPerPrompt;
    const double cpuBefore = processCpuSeconds();
    phase(outcome, isOracle ? "oracle" : "reference", [&] {
        outcome.reference = rollOut(references, samples);
        m_parts.roller->grade(outcome.reference, m_parts.prompts->prompts);
        for (const Group& group : outcome.reference)
            m_parts.ledger.add(group);
    });
    if (isOracle)
        outcome.cpuSeconds -= processCpuSeconds() - cpuBefore;
    for (const difficulty::Choice& choice : references)
        outcome.roundReferences.push_back(choice.index);
    if (settings.reuseReference && !isOracle)
        reuseReferences(outcome);
}

// References with signal are as good as fresh prompts: they were made by the present policy. They take part in the round's
// first step, up to the number of fresh prompts that it wants.
void Trainer::reuseReferences(StepOutcome& outcome) const
{
    for (const Group& group : outcome.reference)
        if (group.hasSignal() && std::ssize(outcome.fresh) < freshPerStep())
            outcome.fresh.push_back(group);
}

// One round of generation. Dynamic sampling goes on with new prompts until enough groups have signal, the rounds are used
// up or the pool is.
void Trainer::generateFresh(StepOutcome& outcome)
{
    const config::SelectionSection& settings = m_parts.config.selection;
    const std::int64_t perRound = refills() && settings.generationPrompts > 0 ? settings.generationPrompts : outcome.freshAsked;
    const std::int64_t mostRounds = refills() ? settings.maxRounds : 1;
    while (outcome.freshGot < outcome.freshAsked && outcome.rounds < mostRounds) {
        std::vector<difficulty::Choice> choices;
        phase(outcome, "select", [&] { choices = m_parts.selector->take(outcome.step, perRound); });
        if (choices.empty())
            break;
        ++outcome.rounds;
        keepForTraining(outcome, makeGroups(outcome, choices));
    }
}

std::vector<Group> Trainer::makeGroups(StepOutcome& outcome, const std::vector<difficulty::Choice>& choices)
{
    const config::RolloutSection& settings = m_parts.config.rollout;
    const bool screens = settings.screenSamples > 0;
    std::vector<Group> groups;
    phase(outcome, "generate", [&] { groups = rollOut(choices, screens ? settings.screenSamples : settings.samplesPerPrompt); });
    phase(outcome, "grade", [&] { m_parts.roller->grade(groups, m_parts.prompts->prompts); });
    if (!screens)
        return groups;
    phase(outcome, "generate", [&] { completeScreened(groups); });
    phase(outcome, "grade", [&] { m_parts.roller->grade(groups, m_parts.prompts->prompts); });
    return groups;
}

std::vector<Group> Trainer::rollOut(const std::vector<difficulty::Choice>& choices, std::int64_t samples)
{
    std::vector<RollRequest> requests;
    for (const difficulty::Choice& choice : choices)
        requests.push_back({ .prompt = &m_parts.prompts->prompts[static_cast<std::size_t>(choice.index)], .purpose = choice.purpose(),
            .samples = samples, .expectedTokens = expectedTokens(m_parts.ledger, choice.prompt) });
    return m_parts.roller->generate(requests, m_parts.progress.step, trainSampling(m_parts.config), m_session.stop);
}

// The remaining responses of the groups whose first ones differ in reward, with the same random numbers as if the group had
// been made at once. The others are given up, but for explored ones: their measurements must not depend on their outcome.
void Trainer::completeScreened(std::vector<Group>& groups)
{
    std::vector<RollRequest> requests;
    std::vector<Group*> completed;
    for (Group& group : groups) {
        if (!group.hasSignal() && group.purpose != Purpose::Explore) {
            group.purpose = Purpose::Screen;
            continue;
        }
        const auto done = std::ssize(group.rollouts);
        requests.push_back({ .prompt = &m_parts.prompts->prompts[static_cast<std::size_t>(group.promptIndex)], .purpose = group.purpose,
            .samples = m_parts.config.rollout.samplesPerPrompt - done, .firstSample = done,
            .expectedTokens = expectedTokens(m_parts.ledger, group.prompt) });
        completed.push_back(&group);
    }
    std::vector<Group> rest
        = m_parts.roller->generate(requests, m_parts.progress.step, trainSampling(m_parts.config), m_session.stop);
    for (std::size_t i = 0; i < rest.size(); ++i)
        std::move(rest[i].rollouts.begin(), rest[i].rollouts.end(), std::back_inserter(completed[i]->rollouts));
}

void Trainer::keepForTraining(StepOutcome& outcome, std::vector<Group> groups) const
{
    for (Group& group : groups) {
        const bool isGivenUp = group.purpose == Purpose::Screen;
        const bool isKept = refills() ? group.hasSignal() && !isGivenUp && outcome.freshGot < outcome.freshAsked : !isGivenUp;
        outcome.freshGot += isKept || !refills() ? 1 : 0;
        (isKept ? outcome.fresh : outcome.unused).push_back(std::move(group));
    }
}

void Trainer::recordInLedger(const StepOutcome& outcome)
{
    for (const Group* group : outcome.chosenGroups())
        m_parts.ledger.add(*group);
}

} // namespace midpoint::engine
