#include "backend/difficulty/selector.h"

#include "backend/core/bytes.h"
#include "backend/difficulty/gumbel.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace midpoint::difficulty {
namespace {

constexpr const char* kTag = "selector 2";

RngKey keyOf(std::uint64_t seed, DrawPurpose purpose, std::int64_t step)
{
    RngKey key;
    key.seed = seed;
    key.purpose = purpose;
    key.step = step;
    return key;
}

std::size_t at(std::int64_t index)
{
    return static_cast<std::size_t>(index);
}

void putEstimates(ByteWriter& out, const Estimates& estimates)
{
    out.putVector(estimates.mean);
    out.putVector(estimates.deviation);
    out.putVector(estimates.signal);
    out.putVector(estimates.tokens);
    out.put(static_cast<std::uint64_t>(estimates.references.size()));
    for (const ReferencePrediction& reference : estimates.references) {
        out.put(reference.index);
        out.put(reference.predicted);
        out.put(reference.successes);
        out.put(reference.attempts);
    }
}

Estimates getEstimates(ByteReader& in)
{
    Estimates estimates;
    estimates.mean = in.getVector<double>();
    estimates.deviation = in.getVector<double>();
    estimates.signal = in.getVector<double>();
    estimates.tokens = in.getVector<double>();
    for (auto left = in.get<std::uint64_t>(); left > 0; --left) {
        ReferencePrediction reference;
        reference.index = in.get<std::int64_t>();
        reference.predicted = in.get<double>();
        reference.successes = in.get<std::int64_t>();
        reference.attempts = in.get<std::int64_t>();
        estimates.references.push_back(reference);
    }
    return estimates;
}

} // namespace

const char* nameOf(ChoiceReason reason)
{
    switch (reason) {
    case ChoiceReason::Uniform:
        return "uniform";
    case ChoiceReason::Targeted:
        return "targeted";
    case ChoiceReason::Explored:
        return "explored";
    case ChoiceReason::Pinned:
        return "pinned";
    case ChoiceReason::Reference:
        return "reference";
    case ChoiceReason::Oracle:
        return "oracle";
    }
    return "unknown";
}

SelectorOptions selectorOptions(const config::SelectionSection& section, std::uint64_t seed)
{
    SelectorOptions options;
    options.seed = seed;
    options.intervalSteps = section.intervalSteps;
    // Only the predictor must see references of its own; every other belief learns from all rollouts alike.
    options.referencePrompts = section.belief == "predictor" ? section.referencePrompts : 0;
    options.reuseReference = section.reuseReference && section.belief == "predictor";
    if (section.belief == "oracle") {
        options.referencePrompts
            = section.oraclePrompts > 0 ? section.oraclePrompts : std::numeric_limits<std::int64_t>::max();
        options.referenceReason = ChoiceReason::Oracle;
    }
    options.explorationShare = section.explorationShare;
    return options;
}

Selector::Selector(SelectorOptions options, const PromptPool& pool, std::unique_ptr<SelectionStrategy> strategy,
    std::unique_ptr<Belief> belief)
    : m_options(std::move(options))
    , m_pool(&pool)
    , m_strategy(std::move(strategy))
    , m_belief(std::move(belief))
    , m_inRound(at(pool.size()), 0)
    , m_lastChosenStep(at(pool.size()), -1)
{
    if (m_options.intervalSteps < 1)
        throw Error(ErrorKind::Config,
            concat("selection.interval_steps: expected at least 1, found ", m_options.intervalSteps));
    expectBelief(*m_strategy);
    expectInPool(m_options.pinned);
}

void Selector::expectBelief(const SelectionStrategy& strategy) const
{
    if (strategy.needsBelief() && !m_belief)
        throw Error(ErrorKind::Config,
            concat("selection.strategy '", strategy.name(), "' needs a belief about every prompt, and there is none"));
}

void Selector::expectInPool(const std::vector<PromptId>& pinned) const
{
    for (const PromptId id : pinned)
        if (!m_pool->indexOf(id))
            throw Error(
                ErrorKind::Config, concat("pinned prompt ", id, " is not in the pool of ", m_pool->size(), " prompts"));
}

void Selector::setStrategy(std::unique_ptr<SelectionStrategy> strategy)
{
    expectBelief(*strategy);
    m_strategy = std::move(strategy);
}

std::vector<std::uint8_t> Selector::excludedPrompts() const
{
    std::vector<std::uint8_t> blocked(at(m_pool->size()), 0);
    for (const PromptId id : m_options.excluded)
        if (const auto index = m_pool->indexOf(id))
            blocked[at(*index)] = 1;
    return blocked;
}

std::vector<std::uint8_t> Selector::blockedPrompts() const
{
    std::vector<std::uint8_t> blocked = excludedPrompts();
    for (std::size_t i = 0; i < blocked.size(); ++i)
        blocked[i] = blocked[i] != 0 || m_inRound[i] != 0 ? 1 : 0;
    return blocked;
}

std::vector<Choice> Selector::chooseReferences(std::int64_t step)
{
    m_references.clear();
    if (m_strategy->needsBelief()) {
        const std::vector<std::uint8_t> blocked = excludedPrompts();
        m_references = gumbelTopK({ .key = keyOf(m_options.seed, DrawPurpose::ReferenceChoice, step),
            .count = m_options.referencePrompts,
            .ids = m_pool->ids(),
            .logits = {},
            .blocked = blocked });
    }
    std::vector<Choice> choices;
    for (const std::int64_t index : m_references)
        choices.push_back({ index, m_pool->idAt(index), m_options.referenceReason });
    return choices;
}

void Selector::beginRound(std::int64_t step, const Ledger& ledger, std::int64_t plannedPrompts)
{
    m_roundStep = step;
    if (m_belief) {
        m_belief->learn(ledger, step);
        m_estimates = m_belief->estimate(step);
    }
    std::fill(m_inRound.begin(), m_inRound.end(), std::uint8_t { 0 });
    if (m_options.reuseReference)
        for (const std::int64_t index : m_references)
            m_inRound[at(index)] = 1;
    const std::vector<std::uint8_t> blocked = blockedPrompts();
    const auto available = static_cast<std::int64_t>(std::count(blocked.begin(), blocked.end(), std::uint8_t { 0 }));
    if (plannedPrompts > available)
        throw Error(ErrorKind::Config,
            concat("selection: a round of ", m_options.intervalSteps, " steps needs ", plannedPrompts,
                " different prompts, the pool has ", available, " to choose from (", m_pool->size(), " in all); lower ",
                "batch.prompts_per_step or selection.interval_steps, or add prompts"));
    m_queue.clear();
    pin(plannedPrompts);
    explore(plannedPrompts);
    draw(plannedPrompts - std::ssize(m_queue));
    Rng rng(keyOf(m_options.seed, DrawPurpose::Shuffle, step));
    shuffle(m_queue, rng);
}

void Selector::pin(std::int64_t plannedPrompts)
{
    const std::vector<std::uint8_t> blocked = blockedPrompts();
    for (const PromptId id : m_options.pinned) {
        const std::int64_t index = *m_pool->indexOf(id);
        if (std::ssize(m_queue) < plannedPrompts && blocked[at(index)] == 0 && m_inRound[at(index)] == 0)
            enqueue(index, ChoiceReason::Pinned);
    }
}

// Before the targeted draw, so that every prompt has the same chance to be explored whatever is believed about it.
void Selector::explore(std::int64_t plannedPrompts)
{
    if (!m_strategy->needsBelief() || m_options.explorationShare <= 0.0)
        return;
    Rng rng(keyOf(m_options.seed, DrawPurpose::Exploration, m_roundStep));
    const double wanted = m_options.explorationShare * static_cast<double>(plannedPrompts);
    // Rounded at random, so that the share holds on average even where a round explores less than one prompt.
    const auto count
        = std::min(static_cast<std::int64_t>(std::floor(wanted + rng.uniform())), plannedPrompts - std::ssize(m_queue));
    const std::vector<std::uint8_t> blocked = blockedPrompts();
    const GumbelDraw exploration { .key = keyOf(m_options.seed, DrawPurpose::Exploration, m_roundStep),
        .count = count,
        .ids = m_pool->ids(),
        .logits = {},
        .blocked = blocked };
    for (const std::int64_t index : gumbelTopK(exploration))
        enqueue(index, ChoiceReason::Explored);
}

// A later call in the same round meets the same random numbers with the chosen prompts blocked, and so goes on where
// the first one stopped: together they are one draw without replacement.
void Selector::draw(std::int64_t count)
{
    if (count <= 0)
        return;
    const std::vector<std::uint8_t> blocked = blockedPrompts();
    const Selection selection = m_strategy->select({ .seed = m_options.seed,
        .step = m_roundStep,
        .count = count,
        .ids = m_pool->ids(),
        .mean = m_estimates.mean,
        .deviation = m_estimates.deviation,
        .signal = m_estimates.signal,
        .tokens = m_estimates.tokens,
        .clusters = m_options.clusters,
        .clusterCount = m_options.clusterCount,
        .blocked = blocked,
        .lastChosenStep = m_lastChosenStep });
    const ChoiceReason reason = m_strategy->needsBelief() ? ChoiceReason::Targeted : ChoiceReason::Uniform;
    for (const std::int64_t index : selection.prompts)
        enqueue(index, reason);
    m_entropyNats = selection.entropyNats;
}

void Selector::enqueue(std::int64_t index, ChoiceReason reason)
{
    m_inRound[at(index)] = 1;
    m_queue.push_back({ index, m_pool->idAt(index), reason });
}

std::vector<Choice> Selector::take(std::int64_t step, std::int64_t count)
{
    MIDPOINT_ASSERT(m_roundStep >= 0, "take() comes after beginRound()");
    draw(count - std::ssize(m_queue));
    const auto end = m_queue.begin() + std::min<std::ptrdiff_t>(std::max<std::int64_t>(count, 0), std::ssize(m_queue));
    const std::vector<Choice> batch(m_queue.begin(), end);
    m_queue.erase(m_queue.begin(), end);
    for (const Choice& choice : batch)
        m_lastChosenStep[at(choice.index)] = step;
    return batch;
}

double Selector::shareEverChosen() const
{
    const auto never = std::count(m_lastChosenStep.begin(), m_lastChosenStep.end(), -1);
    return m_lastChosenStep.empty() ? 0.0
                                    : 1.0 - static_cast<double>(never) / static_cast<double>(m_lastChosenStep.size());
}

void Selector::setSteering(std::vector<PromptId> pinned, std::vector<PromptId> excluded)
{
    expectInPool(pinned);
    m_options.pinned = std::move(pinned);
    m_options.excluded = std::move(excluded);
}

std::string Selector::saveState() const
{
    ByteWriter out;
    out.putText(kTag);
    out.putText(m_strategy->name());
    out.putText(m_belief ? m_belief->name() : "");
    out.put(m_pool->size());
    out.put(m_roundStep);
    putEstimates(out, m_estimates);
    out.put(static_cast<std::uint8_t>(m_entropyNats.has_value()));
    out.put(m_entropyNats.value_or(0.0));
    out.putVector(m_references);
    out.put(static_cast<std::uint64_t>(m_queue.size()));
    for (const Choice& choice : m_queue) {
        out.put(choice.index);
        out.put(choice.reason);
    }
    out.putVector(m_inRound);
    out.putVector(m_lastChosenStep);
    out.putText(m_belief ? m_belief->saveState() : "");
    return out.take();
}

void Selector::restoreState(std::string_view bytes)
{
    ByteReader in(bytes, "selector");
    in.expectTag(kTag);
    in.expectTag(m_strategy->name());
    in.expectTag(m_belief ? m_belief->name() : "");
    const auto poolSize = in.get<std::int64_t>();
    if (poolSize != m_pool->size())
        throw Error(ErrorKind::Checkpoint,
            concat("selector: saved with a pool of ", poolSize, " prompts, this run has ", m_pool->size()));
    m_roundStep = in.get<std::int64_t>();
    m_estimates = getEstimates(in);
    const bool hasEntropy = in.get<std::uint8_t>() != 0;
    const auto entropy = in.get<double>();
    m_entropyNats = hasEntropy ? std::optional(entropy) : std::nullopt;
    m_references = in.getVector<std::int64_t>();
    m_queue.clear();
    for (auto left = in.get<std::uint64_t>(); left > 0; --left) {
        const auto index = in.get<std::int64_t>();
        const auto reason = in.get<ChoiceReason>();
        if (index < 0 || index >= m_pool->size())
            throw Error(ErrorKind::Checkpoint,
                concat("selector: the saved state names prompt ", index, " of ", m_pool->size()));
        m_queue.push_back({ index, m_pool->idAt(index), reason });
    }
    m_inRound = in.getVector<std::uint8_t>();
    m_lastChosenStep = in.getVector<std::int64_t>();
    if (std::ssize(m_inRound) != poolSize || std::ssize(m_lastChosenStep) != poolSize)
        throw Error(ErrorKind::Checkpoint,
            concat("selector: the saved state has ", m_inRound.size(), " and ", m_lastChosenStep.size(), " marks for ",
                poolSize, " prompts"));
    const std::string beliefState = in.getText();
    in.expectEnd();
    if (m_belief)
        m_belief->restoreState(beliefState);
}

} // namespace midpoint::difficulty
