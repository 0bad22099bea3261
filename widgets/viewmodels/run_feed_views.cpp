// SPDX-License-Identifier: GPL-3.0-or-later
// The reader thread's answers to Difficulty, Buffer, Rollouts and System.
#include "widgets/viewmodels/run_feed.h"

#include <algorithm>
#include <cmath>

namespace midpoint::gui {

namespace {

constexpr std::int64_t kLedgerStepsPerRead = 2'000;
constexpr std::size_t kMaximumCompositions = 600;
constexpr std::size_t kHistogramBins = 20;
constexpr std::size_t kMaximumFound = 4'000;  // rollouts, over all steps
constexpr std::size_t kMaximumGroups = 200;

} // namespace

void RunFeed::updateLedger(std::int64_t throughStep)
{
    m_ledger.resize(static_cast<std::size_t>(std::max<std::int64_t>(m_progress.promptCount, 0)));
    if (throughStep < m_ledgerThrough) { // a question about an earlier step: count again from the start
        std::fill(m_ledger.begin(), m_ledger.end(), PromptStanding {});
        m_ledgerThrough = -1;
    }
    while (m_ledgerThrough < throughStep && !m_isRetired) {
        const std::int64_t last = std::min(m_ledgerThrough + kLedgerStepsPerRead, throughStep);
        for (const store::Observation& observation : m_reader->observations(m_ledgerThrough + 1, last)) {
            const auto index = static_cast<std::size_t>(observation.promptIndex);
            if (index >= m_ledger.size() || observation.purpose == Purpose::Evaluate)
                continue;
            PromptStanding& standing = m_ledger[index];
            ++standing.seen;
            standing.attempts = observation.attempts;
            standing.successes = observation.successes;
            standing.lastStep = observation.step;
        }
        m_ledgerThrough = last;
    }
}

void RunFeed::readDifficulty(std::int64_t id, DifficultyRequest request)
{
    if (m_isRetired || id != newestDifficulty.load())
        return;
    guarded(tr("The difficulty of prompts cannot be read"), [&] {
        if (!ensureReader())
            return;
        auto view = std::make_shared<DifficultyView>();
        view->request = request;
        const std::int64_t from = std::max<std::int64_t>(request.step - request.windowSteps + 1, 0);
        // The rounds within the window, and the one that was in force when it began.
        const std::vector<std::int64_t> roundSteps = m_reader->predictionSteps();
        auto first = std::upper_bound(roundSteps.begin(), roundSteps.end(), from);
        first -= first != roundSteps.begin() ? 1 : 0;
        std::vector<store::PredictionRound> rounds;
        for (auto step = first; step != roundSteps.end() && *step <= request.step; ++step)
            if (auto round = m_reader->predictionRound(*step))
                rounds.push_back(std::move(*round));
        view->firstRound = roundSteps.empty() ? -1 : roundSteps.front();
        view->measured = measuredGroups(m_reader->observations(from, request.step), request.set);
        view->measuredSummary = summariseMeasured(view->measured, request);
        view->pairs = pairMeasurements(view->measured, rounds, request.set);
        view->summary = summarise(view->pairs, request);
        updateLedger(request.step);
        view->standings = m_ledger;
        for (const store::BufferEntry& entry : m_reader->bufferEntries([this, &request] {
                 std::int64_t found = -1;
                 for (const std::int64_t step : m_reader->bufferEntrySteps())
                     found = step <= request.step ? std::max(found, step) : found;
                 return found;
             }()))
            if (static_cast<std::size_t>(entry.promptIndex) < view->standings.size())
                ++view->standings[static_cast<std::size_t>(entry.promptIndex)].inBuffer;
        std::vector<double> pool;
        std::vector<double> selected;
        std::vector<double> measured;
        for (const store::Observation& group : view->measured)
            measured.push_back(measuredDifficulty(group));
        if (!rounds.empty()) {
            const store::PredictionRound& round = rounds.back();
            view->roundStep = round.step;
            view->belief = round.belief;
            for (std::size_t i = 0; i < round.successRates.size(); ++i) {
                if (std::isnan(round.successRates[i]))
                    continue;
                pool.push_back(1.0 - static_cast<double>(round.successRates[i]));
                if (i < view->standings.size())
                    view->standings[i].predicted = pool.back();
            }
            for (const std::int32_t index : round.selected)
                if (static_cast<std::size_t>(index) < round.successRates.size())
                    selected.push_back(1.0 - static_cast<double>(round.successRates[static_cast<std::size_t>(index)]));
        }
        for (std::size_t i = 0; i <= kHistogramBins; ++i)
            view->binEdges.push_back(static_cast<double>(i) / static_cast<double>(kHistogramBins));
        view->poolShare = histogramShares(pool, kHistogramBins);
        view->selectedShare = histogramShares(selected, kHistogramBins);
        view->measuredShare = histogramShares(measured, kHistogramBins);
        Q_EMIT difficultyRead(view);
    });
}

void RunFeed::readBuffer(std::int64_t id, std::int64_t step)
{
    if (m_isRetired || id != newestBuffer.load())
        return;
    guarded(tr("The replay buffer's record cannot be read"), [&] {
        if (!ensureReader())
            return;
        auto view = std::make_shared<BufferView>();
        view->step = step;
        const std::int64_t last = m_progress.lastStep.value_or(0);
        if (last <= static_cast<std::int64_t>(kMaximumCompositions)) {
            view->compositions = m_reader->bufferCompositions(0, last);
        } else {
            const double stride = static_cast<double>(last) / static_cast<double>(kMaximumCompositions);
            for (std::size_t i = 1; i <= kMaximumCompositions && !m_isRetired; ++i) {
                const auto at = static_cast<std::int64_t>(std::llround(static_cast<double>(i) * stride));
                for (store::BufferComposition& composition : m_reader->bufferCompositions(at, at))
                    view->compositions.push_back(std::move(composition));
            }
        }
        auto present = m_reader->bufferCompositions(step, step);
        if (!present.empty())
            view->present = std::move(present.front());
        for (const std::int64_t listed : m_reader->bufferEntrySteps())
            if (listed <= step)
                view->entriesStep = std::max(view->entriesStep, listed);
        if (view->entriesStep >= 0)
            view->entries = m_reader->bufferEntries(view->entriesStep);
        readRatios(*view);
        Q_EMIT bufferRead(view);
    });
}

void RunFeed::readRatios(BufferView& view)
{
    if (!m_rollouts && store::RolloutReader::exists(m_path))
        m_rollouts = std::make_unique<store::RolloutReader>(m_path);
    if (!m_rollouts)
        return;
    for (const std::int64_t step : m_rollouts->steps())
        view.ratioStep = step <= view.step ? std::max(view.ratioStep, step) : view.ratioStep;
    if (view.ratioStep < 0)
        return;
    constexpr std::size_t kBins = 40;
    constexpr double kLargest = 2.0; // larger ratios count in the last bin
    for (store::Histogram* histogram : { &view.freshRatios, &view.replayedRatios }) {
        histogram->counts.assign(kBins, 0.0);
        for (std::size_t i = 0; i <= kBins; ++i)
            histogram->edges.push_back(kLargest * static_cast<double>(i) / static_cast<double>(kBins));
    }
    for (const store::StoredGroup& group : m_rollouts->groups(view.ratioStep))
        for (const store::StoredRollout& stored : group.rollouts)
            for (std::size_t i = 0; i < std::min(stored.trainerLogprobs.size(), stored.rollout.logprobs.size()); ++i) {
                const double ratio = std::exp(static_cast<double>(stored.trainerLogprobs[i]) - static_cast<double>(stored.rollout.logprobs[i]));
                const auto bin = std::min(static_cast<std::size_t>(std::max(ratio, 0.0) / kLargest * kBins), kBins - 1);
                ++(group.isReplayed ? view.replayedRatios : view.freshRatios).counts[bin];
            }
}

// The replay buffer keeps no texts: those of a replayed group are read where it was generated, if they were stored there.
void RunFeed::addTexts(store::StoredGroup& replayed)
{
    for (const store::StoredGroup& born : m_rollouts->groups(replayed.birthStep, replayed.promptIndex))
        for (store::StoredRollout& rollout : replayed.rollouts)
            for (const store::StoredRollout& original : born.rollouts) {
                if (born.isReplayed || original.rollout.text.empty() || original.rollout.tokens != rollout.rollout.tokens)
                    continue;
                rollout.rollout.text = original.rollout.text;
                rollout.rollout.extracted = original.rollout.extracted;
                rollout.rollout.rule = original.rollout.rule;
                rollout.tokenEnds = original.tokenEnds;
            }
}

void RunFeed::findRollouts(RolloutView& view)
{
    const RolloutRequest& request = view.request;
    if (!request.isOverAllSteps()) {
        std::int64_t best = -1; // the newest stored step not after the one asked for, otherwise the first
        for (const std::int64_t stored : m_rollouts->steps())
            best = stored <= request.step || best < 0 ? stored : best;
        view.step = best;
        if (best >= 0)
            view.groups = m_rollouts->groups(best);
        for (store::StoredGroup& group : view.groups)
            if (group.isReplayed)
                addTexts(group);
        return;
    }
    store::RolloutFilter filter;
    filter.promptIndex = request.promptIndex;
    filter.text = request.text;
    filter.limit = kMaximumFound;
    std::vector<std::int64_t> ids;
    std::int64_t last = -1;
    for (const store::RolloutSummary& found : m_rollouts->find(filter)) {
        // A held-out prompt has a number of its own set.
        const bool isOther = request.promptIndex && found.purpose == Purpose::Evaluate;
        if (!isOther && found.groupId != last)
            ids.push_back(found.groupId);
        last = found.groupId;
    }
    view.isCut = ids.size() > kMaximumGroups;
    ids.resize(std::min(ids.size(), kMaximumGroups));
    for (const std::int64_t id : ids)
        if (auto group = m_rollouts->group(id)) {
            if (group->isReplayed)
                addTexts(*group);
            view.groups.push_back(std::move(*group));
        }
}

void RunFeed::readRollouts(std::int64_t id, const RolloutRequest& request)
{
    if (m_isRetired || id != newestRollouts.load())
        return;
    auto view = std::make_shared<RolloutView>();
    view->request = request;
    view->step = request.step;
    try {
        if (!m_rollouts) {
            if (!store::RolloutReader::exists(m_path)) {
                view->problem = m_isFolder ? tr("This run has stored no rollouts yet (store.rollouts_per_step says how many are kept).")
                                           : tr("A snapshot holds no rollout texts: open the run folder to read them.");
                Q_EMIT rolloutsRead(view);
                return;
            }
            m_rollouts = std::make_unique<store::RolloutReader>(m_path);
        }
        findRollouts(*view);
        if (view->groups.empty())
            view->problem = request.promptIndex ? tr("No rollout of this prompt is stored: it was not drawn yet, or its groups were not among those that are kept (store.rollouts_per_step).")
                : !request.text.empty()         ? tr("No stored response holds this text.")
                                                : tr("This run has stored no rollouts yet (store.rollouts_per_step says how many are kept).");
    } catch (const std::exception& error) {
        m_rollouts.reset();
        view->problem = tr("The rollouts cannot be read, all other screens still work: %1").arg(QString::fromUtf8(error.what()));
    }
    Q_EMIT rolloutsRead(view);
}

void RunFeed::readPromptHistory(std::int64_t promptIndex)
{
    guarded(tr("The history of the prompt cannot be read"), [&] {
        if (!ensureReader())
            return;
        auto history = std::make_shared<PromptHistory>();
        history->promptIndex = promptIndex;
        history->predicted = m_reader->predictionsOf(promptIndex);
        history->observations = m_reader->observationsOf(promptIndex);
        Q_EMIT promptHistoryRead(history);
    });
}

void RunFeed::readSystem()
{
    guarded(tr("The timing of phases cannot be read"), [&] {
        if (!ensureReader())
            return;
        constexpr std::int64_t kTimelineSteps = 5;
        auto view = std::make_shared<SystemView>();
        const std::int64_t last = m_progress.lastStep.value_or(0);
        view->phases = m_reader->phases(std::max<std::int64_t>(last - kTimelineSteps + 1, 0), last);
        Q_EMIT systemRead(view);
    });
}

} // namespace midpoint::gui
