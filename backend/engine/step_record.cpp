#include "backend/engine/step_record.h"

#include "backend/core/statistics.h"
#include "backend/core/text.h"
#include "backend/difficulty/ledger.h"
#include "backend/difficulty/measures.h"
#include "backend/engine/memory_ledger.h"
#include "backend/engine/step_times.h"

#include <algorithm>
#include <cmath>

namespace midpoint::engine {
namespace {

using store::Metric;

// A missing value is left out rather than stored as a number.
class MetricList {
public:
    void add(const std::string& name, double value) { m_metrics.push_back({ name, value }); }
    void add(const std::string& name, std::int64_t value) { add(name, static_cast<double>(value)); }
    void add(const std::string& name, const std::optional<double>& value)
    {
        if (value.has_value())
            add(name, *value);
    }
    std::vector<Metric> take() { return std::move(m_metrics); }

private:
    std::vector<Metric> m_metrics;
};

struct Spread {
    double sum = 0.0, lowest = INFINITY, highest = -INFINITY;
    std::int64_t count = 0;
    void add(double value)
    {
        sum += value;
        lowest = std::min(lowest, value);
        highest = std::max(highest, value);
        ++count;
    }
    double mean() const { return count > 0 ? sum / static_cast<double>(count) : 0.0; }
    void writeTo(MetricList& metrics, const std::string& prefix) const
    {
        if (count == 0)
            return;
        metrics.add(prefix + "/mean", mean());
        metrics.add(prefix + "/max", highest);
        metrics.add(prefix + "/min", lowest);
    }
};

void addRolloutMetrics(const StepOutcome& outcome, MetricList& metrics)
{
    Spread rewards, scores, lengths, prompts;
    std::vector<double> groupRewards;
    std::int64_t truncated = 0;
    std::int64_t unparseable = 0;
    for (const Group* group : outcome.chosenGroups()) {
        prompts.add(static_cast<double>(group->promptTokens.size()));
        Spread ofGroup;
        for (const Rollout& rollout : group->rollouts) {
            rewards.add(rollout.reward);
            ofGroup.add(rollout.reward);
            scores.add(rollout.isSuccess() ? 1.0 : 0.0);
            lengths.add(static_cast<double>(rollout.tokens.size()));
            truncated += rollout.finish == FinishReason::Length ? 1 : 0;
            unparseable += rollout.verdict == Verdict::Unparseable ? 1 : 0;
        }
        if (ofGroup.count > 0)
            groupRewards.push_back(ofGroup.mean());
    }
    if (rewards.count == 0)
        return;
    rewards.writeTo(metrics, "critic/rewards");
    metrics.add("critic/rewards/group_p10", *statistics::quantile(groupRewards, 0.1));
    metrics.add("critic/rewards/group_p90", *statistics::quantile(groupRewards, 0.9));
    scores.writeTo(metrics, "critic/score");
    lengths.writeTo(metrics, "response_length");
    metrics.add("response_length/clip_ratio", static_cast<double>(truncated) / static_cast<double>(rewards.count));
    metrics.add("response/unparseable_ratio", static_cast<double>(unparseable) / static_cast<double>(rewards.count));
    prompts.writeTo(metrics, "prompt_length");
}

void addChoiceMetrics(const StepOutcome& outcome, const RecordContext& context, MetricList& metrics)
{
    const std::vector<const Group*> all = outcome.chosenGroups();
    std::vector<const Group*> explored, chosen;
    for (const Group* group : all)
        (group->purpose == Purpose::Explore ? explored : chosen).push_back(group);
    const difficulty::ChoiceMeasures choice = difficulty::measureChoice(all);
    metrics.add("generation/rounds", outcome.rounds);
    metrics.add("generation/unused_groups", static_cast<std::int64_t>(outcome.unused.size()));
    metrics.add("generation/missing_groups", outcome.freshAsked - outcome.freshGot);
    if (choice.groups > 0) {
        metrics.add("baseline_reward/pct_0", choice.allWrong);
        metrics.add("baseline_reward/pct_1", choice.allCorrect);
        metrics.add("baseline_reward/pct_mixed", 1.0 - choice.allWrong - choice.allCorrect);
        metrics.add("dots/effective_ratio", choice.effectiveRatio);
    }
    metrics.add("dots/share_ever_chosen", context.selector.shareEverChosen());
    metrics.add("dots/select_time_s", outcome.secondsOf("select"));
    const difficulty::Estimates& estimates = context.selector.estimates();
    if (estimates.mean.empty())
        return;
    metrics.add("dots/target_alpha", context.config.selection.target);
    metrics.add("dots/choice_entropy", context.selector.entropyNats());

    const auto write = [&](const std::string& prefix, std::span<const difficulty::PredictionPair> pairs) {
        const difficulty::PredictionMeasures measures = difficulty::measurePredictions(pairs);
        metrics.add(prefix + "pairs", measures.pairs);
        metrics.add(prefix + "pearson", measures.pearson.value);
        if (measures.pearson.interval.has_value()) {
            metrics.add(prefix + "pearson_low", measures.pearson.interval->low);
            metrics.add(prefix + "pearson_high", measures.pearson.interval->high);
        }
        metrics.add(prefix + "spearman", measures.spearman.value);
        metrics.add(prefix + "mae", measures.meanAbsoluteError);
        metrics.add(prefix + "bias", measures.bias);
        metrics.add(prefix + "brier", measures.brier);
        metrics.add(prefix + "ece", measures.calibrationError);
        metrics.add(prefix + "ceiling", measures.noiseCeiling);
    };
    // Uniformly drawn prompts (references, explored) tell about the belief; selected ones are a restricted range.
    std::vector<difficulty::PredictionPair> uniform;
    if (outcome.startedRound)
        uniform = estimates.references;
    const auto exploredPairs = difficulty::pairWithEstimates(explored, estimates, context.pool);
    uniform.insert(uniform.end(), exploredPairs.begin(), exploredPairs.end());
    const auto chosenPairs = difficulty::pairWithEstimates(chosen, estimates, context.pool);
    if (!uniform.empty())
        write("dots/pred_", uniform);
    if (!chosenPairs.empty())
        write("dots/selected_pred_", chosenPairs);
    double sum = 0.0;
    double squares = 0.0;
    for (const difficulty::PredictionPair& pair : chosenPairs) {
        const double predictedDifficulty = 1.0 - pair.predicted;
        sum += predictedDifficulty;
        squares += predictedDifficulty * predictedDifficulty;
    }
    if (!chosenPairs.empty()) {
        const auto count = static_cast<double>(chosenPairs.size());
        metrics.add("dots/selected_difficulty_mean", sum / count);
        metrics.add("dots/selected_difficulty_std", std::sqrt(std::max(0.0, squares / count - sum * sum / count / count)));
    }
    if (outcome.startedRound && !outcome.roundReferences.empty())
        metrics.add("dots/ref_size", static_cast<double>(outcome.roundReferences.size()));
}

void addUpdateMetrics(const StepOutcome& outcome, MetricList& metrics)
{
    const policy::UpdateReport& update = outcome.update;
    Spread advantages;
    for (const policy::TrainGroup& group : outcome.trained)
        for (const policy::TrainRow& row : group.rows)
            advantages.add(row.advantage);
    advantages.writeTo(metrics, "critic/advantages");
    metrics.add("actor/pg_loss", update.loss);
    metrics.add("actor/grad_norm", update.gradientNorm);
    metrics.add("actor/lr", update.learningRate);
    metrics.add("actor/entropy", update.entropy);
    metrics.add("actor/pg_clipfrac", update.clipShare);
    metrics.add("actor/ppo_kl", update.klToBehaviour);
    metrics.add("actor/kl_loss", update.kl);
    metrics.add("actor/updates", update.updates);
    metrics.add("actor/updates_skipped", static_cast<double>(update.skipped.size()));
    metrics.add("actor/trained_groups", update.trainedGroups);
    metrics.add("actor/dropped_groups", update.droppedGroups);
    metrics.add("actor/carried_rows", update.carriedRows);
    if (update.difference.tokens > 0) {
        metrics.add("training/rollout_logprob_diff_mean", update.difference.mean);
        metrics.add("training/rollout_logprob_diff_max", update.difference.maximum);
    }
}

void addReplayMetrics(const StepOutcome& outcome, const RecordContext& context, MetricList& metrics)
{
    if (context.buffer == nullptr)
        return;
    const auto replayed = static_cast<std::int64_t>(outcome.replayed.groups.size());
    metrics.add("replay/buffer_size", context.buffer->size());
    const auto groups = static_cast<double>(outcome.trained.size());
    metrics.add("replay/fraction", groups > 0 ? static_cast<double>(replayed) / groups : 0.0);
    metrics.add("replay/missing", outcome.replayed.missing());
    metrics.add("replay/dropped_distant", outcome.droppedReplayed);
    metrics.add("replay/fresh_fraction", context.freshFraction);
    if (replayed == 0)
        return;
    Spread ages;
    for (const replay::ReplayedGroup& group : outcome.replayed.groups)
        ages.add(static_cast<double>(group.ageSteps));
    metrics.add("replay/age_mean", ages.mean());
    metrics.add("replay/age_max", ages.highest);
    metrics.add("replay/is_ratio_mean", outcome.update.weightMean);
    metrics.add("replay/is_ratio_max", outcome.update.weightMax);
    metrics.add("replay/ess", outcome.update.effectiveSampleShare);
    metrics.add("replay/clipfrac", outcome.update.clipShareReplayed);
}

void addTimingMetrics(const StepOutcome& outcome, const RecordContext& context, MetricList& metrics)
{
    metrics.add("timing_s/step", outcome.seconds);
    for (const auto& [name, phase] : { std::pair("select", "select"), std::pair("reference", "reference"), std::pair("gen", "generate"),
             std::pair("reward", "grade"), std::pair("adv", "advantages"), std::pair("old_log_prob", "old log-probs"),
             std::pair("update_actor", "update") })
        metrics.add(concat("timing_s/", name), outcome.secondsOf(phase));
    std::int64_t tokens = 0;
    std::vector<const Group*> generated = outcome.chosenGroups();
    for (const Group& group : outcome.reference)
        if (group.purpose != Purpose::Oracle)
            generated.push_back(&group);
    for (const Group* group : generated)
        for (const Rollout& rollout : group->rollouts)
            tokens += static_cast<std::int64_t>(rollout.tokens.size());
    metrics.add("perf/total_num_tokens", tokens);
    metrics.add("perf/trained_tokens", outcome.update.trainedTokens);
    const double generating = outcome.secondsOf("generate") + outcome.secondsOf("reference");
    if (outcome.seconds > 0.0)
        metrics.add("perf/throughput", static_cast<double>(tokens) / outcome.seconds);
    if (generating > 0.0)
        metrics.add("perf/gen_tokens_per_second", static_cast<double>(tokens) / generating);
    metrics.add("budget/rollouts", context.budget.rollouts);
    metrics.add("budget/generated_tokens", context.budget.generatedTokens);
    metrics.add("budget/trained_tokens", context.budget.trainedTokens);
    metrics.add("budget/train_seconds", context.budget.trainSeconds);
    metrics.add("budget/cpu_seconds", context.budget.cpuSeconds);
    if (context.budget.oracleRollouts > 0) {
        metrics.add("budget/oracle_rollouts", context.budget.oracleRollouts);
        metrics.add("budget/oracle_tokens", context.budget.oracleTokens);
        metrics.add("budget/oracle_seconds", context.budget.oracleSeconds);
    }
    metrics.add("budget/evaluation_seconds", context.budget.evaluationSeconds);
    for (const Metric& metric : context.memory)
        metrics.add(metric.name, metric.value);
    metrics.add("system/rss_gb", static_cast<double>(residentBytes()) / 1e9);
}

store::Observation observationOf(const Group& group)
{
    store::Observation row;
    row.promptIndex = group.promptIndex;
    row.purpose = group.purpose;
    for (const Rollout& rollout : group.rollouts) {
        ++row.attempts;
        row.successes += rollout.isSuccess() ? 1 : 0;
        row.tokens += static_cast<std::int64_t>(rollout.tokens.size());
        row.truncated += rollout.finish == FinishReason::Length ? 1 : 0;
        row.unparseable += rollout.verdict == Verdict::Unparseable ? 1 : 0;
        row.rewardSum += rollout.reward;
        for (const float logprob : rollout.logprobs)
            row.logprobSum += logprob;
    }
    return row;
}

store::PredictionRound predictionRound(const StepOutcome& outcome, const RecordContext& context)
{
    const difficulty::Estimates& estimates = context.selector.estimates();
    store::PredictionRound round;
    round.step = storedStep(outcome.step);
    round.belief = context.selector.belief() != nullptr ? context.selector.belief()->name() : "";
    round.successRates.assign(estimates.mean.begin(), estimates.mean.end());
    round.signals.assign(estimates.signal.begin(), estimates.signal.end());
    for (const std::int64_t index : outcome.roundReferences)
        round.references.push_back(static_cast<std::int32_t>(index));
    for (const Group* group : outcome.chosenGroups())
        round.selected.push_back(static_cast<std::int32_t>(group->promptIndex));
    return round;
}

std::vector<double> toDoubles(const std::vector<std::int64_t>& counts)
{
    return { counts.begin(), counts.end() };
}

std::vector<double> evenEdges(double low, double high, std::size_t bins)
{
    std::vector<double> edges(bins + 1);
    for (std::size_t i = 0; i <= bins; ++i)
        edges[i] = low + (high - low) * static_cast<double>(i) / static_cast<double>(bins);
    return edges;
}

store::BufferComposition compositionOf(const StepOutcome& outcome, const RecordContext& context)
{
    const replay::Composition composition = context.buffer->composition(outcome.step);
    store::BufferComposition row;
    row.step = storedStep(outcome.step);
    row.entries = composition.groups;
    row.capacity = context.config.replay.capacity;
    row.reusedGroups = static_cast<std::int64_t>(outcome.replayed.groups.size());
    row.freshGroups = static_cast<std::int64_t>(outcome.fresh.size());
    for (const auto& group : context.buffer->groups())
        row.admitted += group->birthStep == outcome.step ? 1 : 0;
    const std::size_t ageBins = composition.byAge.size();
    row.histograms.push_back({ "age", evenEdges(0.0, static_cast<double>(ageBins), ageBins), {}, toDoubles(composition.byAge) });
    row.histograms.push_back({ "difficulty", evenEdges(0.0, 1.0, composition.bySuccessRate.size()), {},
        [&] { // difficulty = 1 - success rate: the bins in reverse
            std::vector<double> counts = toDoubles(composition.bySuccessRate);
            std::reverse(counts.begin(), counts.end());
            return counts;
        }() });
    const double low = composition.lowestMeanReward;
    const double high = composition.highestMeanReward > low ? composition.highestMeanReward : low + 1.0;
    row.histograms.push_back(
        { "reward", evenEdges(low, high, composition.byMeanReward.size()), {}, toDoubles(composition.byMeanReward) });
    return row;
}

std::vector<store::BufferEntry> bufferEntries(const RecordContext& context)
{
    std::vector<store::BufferEntry> entries;
    for (const auto& group : context.buffer->groups()) {
        store::BufferEntry entry;
        entry.promptIndex = group->promptIndex;
        entry.birthStep = storedStep(group->birthStep);
        entry.attempts = static_cast<std::int64_t>(group->rollouts.size());
        entry.successes = group->successes();
        double reward = 0.0;
        double logprob = 0.0;
        for (const Rollout& rollout : group->rollouts) {
            reward += rollout.reward;
            entry.tokens += static_cast<std::int64_t>(rollout.tokens.size());
            for (const float value : rollout.logprobs)
                logprob += value;
        }
        entry.rewardMean = reward / static_cast<double>(std::max<std::int64_t>(1, entry.attempts));
        if (entry.tokens > 0)
            entry.behaviourLogprobMean = logprob / static_cast<double>(entry.tokens);
        entries.push_back(entry);
    }
    return entries;
}

constexpr std::int64_t kBufferListEverySteps = 10; // the full list of entries; the composition is stored in every step

} // namespace

HealthFacts healthFacts(const StepOutcome& outcome, const config::RunConfig& config)
{
    HealthFacts facts;
    for (const Group* group : outcome.chosenGroups()) {
        ++facts.groups;
        facts.groupsWithSignal += group->hasSignal() ? 1 : 0;
        const std::int64_t successes = group->successes();
        facts.allWrong += successes == 0 ? 1 : 0;
        facts.allCorrect += successes == std::ssize(group->rollouts) ? 1 : 0;
        for (const Rollout& rollout : group->rollouts) {
            ++facts.rollouts;
            facts.truncated += rollout.finish == FinishReason::Length ? 1 : 0;
            facts.unparseable += rollout.verdict == Verdict::Unparseable ? 1 : 0;
            facts.unusableReference += rollout.verdict == Verdict::UnparseableReference ? 1 : 0;
            facts.graderFailed += rollout.verdict == Verdict::GraderFailed || rollout.verdict == Verdict::Timeout ? 1 : 0;
        }
    }
    facts.maxNewTokens = config.rollout.maxNewTokens;
    facts.replayMissing = config.replay.adaptiveFresh ? 0 : outcome.replayed.missing(); // nothing is to take their place
    facts.isReplayFilled = outcome.freshGot == outcome.freshAsked;
    facts.rounds = outcome.rounds;
    facts.maxRounds = config.selection.strategy == "dynamic-sampling" ? config.selection.maxRounds : 0;
    facts.groupsAsked = outcome.freshAsked;
    facts.groupsGot = outcome.freshGot;
    facts.entropy = outcome.update.entropy;
    facts.replayedGroups = static_cast<std::int64_t>(outcome.replayed.groups.size());
    for (const replay::ReplayedGroup& group : outcome.replayed.groups)
        facts.replayMeanAge += static_cast<double>(group.ageSteps) / static_cast<double>(facts.replayedGroups);
    facts.effectiveSampleShare = outcome.update.effectiveSampleShare;
    facts.logprobDifferenceMean = outcome.update.difference.mean;
    facts.logprobDifferenceLimit = config.policy.maxLogprobDifference;
    facts.appliedUpdates = outcome.update.updates;
    facts.skippedUpdates = static_cast<std::int64_t>(outcome.update.skipped.size());
    if (!outcome.update.skipped.empty())
        facts.skippedReason = outcome.update.skipped.front().reason;
    return facts;
}

store::StepRecord stepRecord(const StepOutcome& outcome, const RecordContext& context)
{
    MetricList metrics;
    addRolloutMetrics(outcome, metrics);
    addChoiceMetrics(outcome, context, metrics);
    addUpdateMetrics(outcome, metrics);
    addReplayMetrics(outcome, context, metrics);
    addTimingMetrics(outcome, context, metrics);

    store::StepRecord record;
    record.step = storedStep(outcome.step);
    record.metrics = metrics.take();
    for (const Group& group : outcome.reference)
        record.observations.push_back(observationOf(group));
    for (const Group* group : outcome.chosenGroups())
        record.observations.push_back(observationOf(*group));
    if (outcome.startedRound && !context.selector.estimates().mean.empty())
        record.predictionRounds.push_back(predictionRound(outcome, context));
    if (context.buffer != nullptr) {
        record.buffer.push_back(compositionOf(outcome, context));
        if (outcome.step % kBufferListEverySteps == 0)
            record.bufferEntries = bufferEntries(context);
    }
    record.phases = phaseTimings(outcome, record.step);
    return record;
}

std::vector<Metric> evaluationMetrics(const EvaluationResult& result)
{
    const std::string prefix = concat("val-core/", result.set, "/");
    const std::string n = concat("@", result.samplesPerPrompt);
    std::vector<Metric> metrics = {
        { concat(prefix, "acc/mean", n), result.meanAccuracy },
        { concat(prefix, "acc/mean", n, "/stderr"), result.standardError },
        { concat(prefix, "response_length/mean"), result.meanLength },
        { concat(prefix, "response_length/clip_ratio"), result.truncatedShare },
        { concat("timing_s/testing"), result.seconds },
    };
    if (result.samplesPerPrompt > 1) {
        metrics.push_back({ concat(prefix, "acc/best", n, "/mean"), result.passAtN });
        metrics.push_back({ concat(prefix, "acc/maj", n, "/mean"), result.majorityAtN });
    }
    return metrics;
}

} // namespace midpoint::engine
