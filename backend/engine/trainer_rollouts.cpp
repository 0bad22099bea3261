// The part of a step that makes rollouts: references, the choice of prompts, generation, screening, refilling.
#include "backend/engine/trainer.h"

#include "backend/config/checks.h"
#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/difficulty/allocation.h"

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
    const auto fresh = static_cast<double>(prompts) * m_parts.config.replay.freshFraction;
    return std::clamp<std::int64_t>(std::llround(fresh), 1, prompts);
}

// With an adaptive fresh fraction the fresh groups of a step stay as many, and fewer are replayed beside them, down to none: a
// run whose replay does not pay is the run without replay.
std::int64_t Trainer::replayedPerStep() const
{
    const double share = 1.0 - m_parts.progress.freshFraction.fraction(m_parts.config.replay);
    const auto replayed = std::llround(share * static_cast<double>(m_parts.config.batch.promptsPerStep));
    return std::clamp<std::int64_t>(replayed, 0, m_parts.config.batch.promptsPerStep - freshPerStep());
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
            outcome.replayed = m_parts.buffer->sample(replayedPerStep(), outcome.step, rng);
        });
    // Whatever the buffer could not give is filled with fresh prompts, unless replay is only as much as pays. Reused references
    // are fresh groups too.
    const std::int64_t freshWanted
        = m_parts.config.replay.adaptiveFresh ? freshPerStep() : groupsWanted - std::ssize(outcome.replayed.groups);
    outcome.freshAsked = std::max<std::int64_t>(0, freshWanted - std::ssize(outcome.fresh));
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
        outcome.reference = rollOut(references, std::vector(references.size(), samples));
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
    const std::vector<std::int64_t> samples = samplesOf(choices);
    std::vector<std::int64_t> first = samples;
    if (screens)
        for (std::int64_t& count : first)
            count = std::min(count, settings.screenSamples);
    std::vector<Group> groups;
    phase(outcome, "generate", [&] { groups = rollOut(choices, first); });
    phase(outcome, "grade", [&] { m_parts.roller->grade(groups, m_parts.prompts->prompts); });
    if (!screens)
        return groups;
    phase(outcome, "generate", [&] { completeScreened(groups, samples); });
    phase(outcome, "grade", [&] { m_parts.roller->grade(groups, m_parts.prompts->prompts); });
    return groups;
}

// The same for all, or with rollout.max_samples by what is believed of the targeted prompts, for the same cost together. Explored
// prompts have the usual number, so that their measurements do not depend on what was believed.
std::vector<std::int64_t> Trainer::samplesOf(const std::vector<difficulty::Choice>& choices) const
{
    const config::RolloutSection& settings = m_parts.config.rollout;
    std::vector<std::int64_t> samples(choices.size(), settings.samplesPerPrompt);
    const difficulty::Estimates& estimates = m_parts.selector->estimates();
    if (settings.maxSamples == 0 || estimates.signal.empty())
        return samples;
    std::vector<std::size_t> targeted;
    std::vector<double> signals, costs;
    for (std::size_t i = 0; i < choices.size(); ++i) {
        if (choices[i].reason != difficulty::ChoiceReason::Targeted)
            continue;
        const auto index = static_cast<std::size_t>(choices[i].index);
        targeted.push_back(i);
        signals.push_back(estimates.signal[index]);
        if (!estimates.tokens.empty())
            costs.push_back(estimates.tokens[index]);
    }
    const auto allocated = difficulty::allocateSamples(signals, costs,
        { .samples = settings.samplesPerPrompt, .fewest = settings.minSamples, .most = settings.maxSamples });
    for (std::size_t i = 0; i < targeted.size(); ++i)
        samples[targeted[i]] = allocated[i];
    return samples;
}

std::vector<Group> Trainer::rollOut(const std::vector<difficulty::Choice>& choices, const std::vector<std::int64_t>& samples)
{
    std::vector<RollRequest> requests;
    for (std::size_t i = 0; i < choices.size(); ++i)
        requests.push_back({ .prompt = &m_parts.prompts->prompts[static_cast<std::size_t>(choices[i].index)], .purpose = choices[i].purpose(),
            .samples = samples[i], .expectedTokens = expectedTokens(m_parts.ledger, choices[i].prompt) });
    return m_parts.roller->generate(requests, m_parts.progress.step, trainSampling(m_parts.config), m_session.stop);
}

// The remaining responses of the groups whose first ones differ in reward, with the same random numbers as if the group had
// been made at once. The others are given up, but for explored ones: their measurements must not depend on their outcome.
void Trainer::completeScreened(std::vector<Group>& groups, const std::vector<std::int64_t>& samples)
{
    std::vector<RollRequest> requests;
    std::vector<Group*> completed;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        Group& group = groups[i];
        if (!group.hasSignal() && group.purpose != Purpose::Explore) {
            group.purpose = Purpose::Screen;
            continue;
        }
        const auto done = std::ssize(group.rollouts);
        if (done == samples[i])
            continue;
        requests.push_back({ .prompt = &m_parts.prompts->prompts[static_cast<std::size_t>(group.promptIndex)], .purpose = group.purpose,
            .samples = samples[i] - done, .firstSample = done,
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
