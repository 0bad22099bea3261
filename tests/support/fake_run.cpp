#include "tests/support/fake_run.h"

#include "backend/core/files.h"
#include "backend/core/rng.h"
#include "backend/core/text.h"

#include <algorithm>
#include <cmath>

namespace midpoint::test {
namespace {

Rng drawsOf(const FakeRunOptions& options, std::int64_t step, std::int64_t subject)
{
    return Rng({ .seed = options.seed, .purpose = DrawPurpose::Simulation, .step = step, .prompt = subject, .sample = 0 });
}

// 0 at the start, towards 1 at the end; selection learns faster.
double skill(const FakeRunOptions& options, std::int64_t step)
{
    const double pace = options.usesSelection ? 4.0 : 2.5;
    return 1.0 - std::exp(-pace * static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, options.steps)));
}

double successRate(const FakeRunOptions& options, std::int64_t prompt, std::int64_t step)
{
    const double hardness = drawsOf(options, -1, prompt).normal() * 2.5;
    return 1.0 / (1.0 + std::exp(hardness - 4.0 * skill(options, step)));
}

std::int64_t promptOf(const FakeRunOptions& options, std::int64_t step, std::int64_t group)
{
    Rng draws = drawsOf(options, step, 1'000'000 + group);
    std::int64_t best = draws.below(options.prompts);
    for (int tries = 0; options.usesSelection && tries < 6; ++tries) {
        const std::int64_t other = draws.below(options.prompts);
        if (std::abs(successRate(options, other, step) - 0.5) < std::abs(successRate(options, best, step) - 0.5))
            best = other;
    }
    return best;
}

store::Observation observe(const FakeRunOptions& options, std::int64_t step, std::int64_t group)
{
    store::Observation row;
    row.promptIndex = promptOf(options, step, group);
    Rng draws = drawsOf(options, step, 2'000'000 + group);
    const double rate = successRate(options, row.promptIndex, step);
    row.attempts = options.samplesPerPrompt;
    for (std::int64_t i = 0; i < row.attempts; ++i)
        row.successes += draws.uniform() < rate ? 1 : 0;
    row.tokens = row.attempts * (20 + draws.below(30));
    row.truncated = draws.below(10) == 0 ? 1 : 0;
    row.rewardSum = static_cast<double>(row.successes);
    row.logprobSum = -0.4 * static_cast<double>(row.tokens) * draws.uniform();
    return row;
}

void addDifficulty(const FakeRunOptions& options, store::StepRecord& record)
{
    std::int64_t mixed = 0;
    std::int64_t zero = 0;
    std::int64_t one = 0;
    for (std::int64_t group = 0; group < options.groupsPerStep; ++group) {
        const auto row = observe(options, record.step, group);
        zero += row.successes == 0 ? 1 : 0;
        one += row.successes == row.attempts ? 1 : 0;
        record.observations.push_back(row);
    }
    mixed = options.groupsPerStep - zero - one;
    const auto share = [&](std::int64_t count) { return static_cast<double>(count) / static_cast<double>(options.groupsPerStep); };
    record.metrics.push_back({ "baseline_reward/pct_0", share(zero) });
    record.metrics.push_back({ "baseline_reward/pct_1", share(one) });
    record.metrics.push_back({ "baseline_reward/pct_mixed", share(mixed) });
    record.metrics.push_back({ "dots/effective_ratio", share(mixed) });
    if (!options.usesSelection || options.roundEvery <= 0 || record.step % options.roundEvery != 0)
        return;
    store::PredictionRound round;
    round.step = record.step;
    round.belief = "predictor";
    Rng noise = drawsOf(options, record.step, 3'000'000);
    for (std::int64_t prompt = 0; prompt < options.prompts; ++prompt)
        round.successRates.push_back(
            static_cast<float>(std::clamp(successRate(options, prompt, record.step) + 0.1 * (noise.uniform() - 0.5), 0.0, 1.0)));
    for (const store::Observation& row : record.observations)
        round.selected.push_back(static_cast<std::int32_t>(row.promptIndex));
    for (std::int32_t i = 0; i < 16 && i < options.prompts; ++i) {
        round.references.push_back(i);
        store::Observation reference = observe(options, record.step, 10'000 + i);
        reference.promptIndex = i;
        reference.purpose = Purpose::Reference;
        record.observations.push_back(reference);
    }
    record.predictionRounds.push_back(std::move(round));
    record.metrics.push_back({ "dots/pred_pearson", 0.7 + 0.1 * noise.uniform() });
    record.metrics.push_back({ "dots/pred_mae", 0.15 - 0.05 * noise.uniform() });
}

void addTraining(const FakeRunOptions& options, store::StepRecord& record)
{
    Rng draws = drawsOf(options, record.step, 4'000'000);
    const auto jitter = [&](double size) { return size * (draws.uniform() - 0.5); };
    const double learned = skill(options, record.step);
    const double groups = static_cast<double>(options.groupsPerStep);
    const double rollouts = groups * static_cast<double>(options.samplesPerPrompt);
    const double step = static_cast<double>(record.step);
    const double tokens = rollouts * 35.0;
    const std::vector<store::Metric> metrics {
        { "critic/score/mean", 0.3 + 0.4 * learned + jitter(0.1) },
        { "critic/rewards/mean", 0.3 + 0.4 * learned + jitter(0.1) },
        { "actor/pg_loss", 0.02 + jitter(0.04) },
        { "actor/grad_norm", 0.5 + jitter(0.3) },
        { "actor/lr", 1e-4 },
        { "actor/entropy", 0.8 - 0.4 * learned + jitter(0.05) },
        { "actor/pg_clipfrac", 0.02 + 0.01 * draws.uniform() },
        { "response_length/mean", 35.0 + jitter(4.0) },
        { "response_length/clip_ratio", 0.05 + jitter(0.04) },
        { "training/rollout_logprob_diff_mean", 1e-6 * draws.uniform() },
        { "timing_s/step", options.stepSeconds },
        { "timing_s/gen", 0.5 * options.stepSeconds },
        { "timing_s/reward", 0.02 * options.stepSeconds },
        { "timing_s/adv", 0.01 * options.stepSeconds },
        { "timing_s/update_actor", 0.4 * options.stepSeconds },
        { "perf/throughput", tokens / options.stepSeconds },
        { "budget/rollouts", rollouts * step },
        { "budget/generated_tokens", tokens * step },
        { "budget/trained_tokens", 0.6 * tokens * step },
        { "budget/train_seconds", 0.97 * options.stepSeconds * step },
    };
    record.metrics.insert(record.metrics.end(), metrics.begin(), metrics.end());
    const double reward = metrics[1].value;
    record.metrics.push_back({ "critic/rewards/group_p10", std::max(reward - 0.25 - 0.02 * draws.uniform(), 0.0) });
    record.metrics.push_back({ "critic/rewards/group_p90", std::min(reward + 0.25 + 0.02 * draws.uniform(), 1.0) });
    for (std::int64_t i = 0; i < options.extraMetrics; ++i) {
        std::string number = std::to_string(i);
        record.metrics.push_back({ concat("extra/", std::string(4 - std::min<std::size_t>(4, number.size()), '0'), number), jitter(2.0) });
    }
    double start = 0.0;
    for (const auto& [phase, share] : { std::pair("select", 0.03), std::pair("generate", 0.5), std::pair("grade", 0.02),
                                        std::pair("update", 0.4), std::pair("wait", 0.05) }) {
        for (std::int64_t rank = 0; rank < options.ranks; ++rank)
            record.phases.push_back({ rank, phase, start, share * options.stepSeconds, record.step });
        start += share * options.stepSeconds;
    }
}

void addReplay(const FakeRunOptions& options, store::StepRecord& record)
{
    if (!options.usesReplay)
        return;
    Rng draws = drawsOf(options, record.step, 5'000'000);
    store::BufferComposition buffer;
    buffer.capacity = 64;
    buffer.entries = std::min<std::int64_t>(64, record.step * 3);
    buffer.reusedGroups = options.groupsPerStep / 2;
    buffer.freshGroups = options.groupsPerStep - buffer.reusedGroups;
    buffer.admitted = 3;
    buffer.evicted = buffer.entries == 64 ? 3 : 0;
    store::Histogram age { "age", { 0, 1, 5, 10, 20, 1000 }, {}, {} };
    store::Histogram difficulty { "difficulty", { 0.0, 0.25, 0.5, 0.75, 1.0 }, {}, {} };
    store::Histogram both { "age_reward", { 0, 1, 5, 10, 20, 1000 }, { 0.0, 0.5, 1.0 }, {} };
    for (int i = 0; i < 5; ++i)
        age.counts.push_back(static_cast<double>(draws.below(20)));
    for (int i = 0; i < 4; ++i)
        difficulty.counts.push_back(static_cast<double>(draws.below(20)));
    for (int i = 0; i < 10; ++i)
        both.counts.push_back(static_cast<double>(draws.below(20)));
    // Of groups with signal: the lowest and the highest mean reward differ from step to step, and the bins with them.
    const double low = 0.125 * static_cast<double>(1 + record.step % 2);
    store::Histogram reward { "reward", { low, 0.5, 1.0 - low }, {}, { difficulty.counts[2] + difficulty.counts[3], difficulty.counts[0] + difficulty.counts[1] } };
    buffer.histograms = { age, difficulty, reward, both };
    record.buffer.push_back(std::move(buffer));
    record.metrics.push_back({ "replay/age_mean", 2.0 + draws.uniform() });
    record.metrics.push_back({ "replay/buffer_size", static_cast<double>(record.buffer.front().entries) });
    if (options.entriesEvery <= 0 || record.step % options.entriesEvery != 0)
        return;
    for (std::int64_t i = 0; i < record.buffer.front().entries; ++i) {
        store::BufferEntry entry;
        entry.promptIndex = promptOf(options, record.step, 100 + i);
        entry.birthStep = std::max<std::int64_t>(0, record.step - draws.below(10));
        entry.uses = draws.below(3);
        entry.attempts = options.samplesPerPrompt;
        entry.successes = 1 + draws.below(options.samplesPerPrompt - 1);
        entry.tokens = 280;
        entry.rewardMean = static_cast<double>(entry.successes) / static_cast<double>(entry.attempts);
        entry.advantageMax = 1.0 + draws.uniform();
        entry.behaviourLogprobMean = -0.3;
        entry.ratioMean = entry.uses == 0 ? store::kMissing : 0.9 + 0.2 * draws.uniform();
        record.bufferEntries.push_back(entry);
    }
}

void addEvents(const FakeRunOptions& options, store::StepRecord& record)
{
    const auto add = [&](store::EventLevel level, const char* rule, const std::string& message) {
        store::Event event;
        event.step = record.step;
        event.level = level;
        event.rule = rule;
        event.message = message;
        record.events.push_back(event);
    };
    if (record.step == 0)
        add(store::EventLevel::Info, "started", concat("run ", options.name, " started"));
    if (options.evaluateEvery > 0 && (record.step % options.evaluateEvery == 0 || record.step == options.steps)) {
        const double accuracy = 0.29 + (options.finalAccuracy - 0.29) * skill(options, record.step)
            + 0.01 * (drawsOf(options, record.step, 6'000'000).uniform() - 0.5);
        record.metrics.push_back({ "val-core/heldout/acc/mean@1", accuracy });
        record.metrics.push_back({ "timing_s/testing", 0.3 });
        add(store::EventLevel::Info, "evaluation", concat("held-out accuracy ", fixed(accuracy, 3)));
    }
    if (record.step > 0 && record.step % 50 == 0)
        add(store::EventLevel::Info, "checkpoint", concat("checkpoint of step ", record.step));
    if (record.step == options.steps / 2)
        add(store::EventLevel::Warning, "truncation", "12 % of responses are cut at their limit");
}

std::string configOf(const FakeRunOptions& options)
{
    if (!options.configText.empty())
        return options.configText;
    return concat("[run]\nname = \"", options.name, "\"\nseed = ", options.seed, "\nsteps = ", options.steps, "\n\n[selection]\nstrategy = \"",
                  options.usesSelection ? "dots" : "uniform", "\"\n\n[replay]\nenabled = ", options.usesReplay ? "true" : "false", "\n");
}

} // namespace

std::vector<store::PromptRecord> fakePrompts(const FakeRunOptions& options)
{
    std::vector<store::PromptRecord> prompts;
    for (std::int64_t i = 0; i < options.prompts; ++i) {
        const std::string text = concat("mod13 a ", i % 13, " b +", i % 9, " c *", i % 7, " ? number ", i);
        prompts.push_back({ i, stableId(text), text, concat(i % 13, " ", i % 11), i % 2 == 0 ? "easy" : "frontier" });
    }
    return prompts;
}

store::StepRecord fakeStep(const FakeRunOptions& options, std::int64_t step)
{
    constexpr double kMsPerSecond = 1000.0;
    store::StepRecord record;
    record.step = step;
    record.wallMs = options.startedMs + static_cast<std::int64_t>(static_cast<double>(step) * options.stepSeconds * kMsPerSecond);
    if (step > 0) {
        addTraining(options, record);
        addDifficulty(options, record);
        addReplay(options, record);
    }
    addEvents(options, record);
    return record;
}

std::vector<store::StoredGroup> fakeGroups(const FakeRunOptions& options, std::int64_t step)
{
    std::vector<store::StoredGroup> groups;
    for (std::int64_t g = 0; g < std::min<std::int64_t>(options.groupsPerStep, 4); ++g) {
        const auto row = observe(options, step, g);
        Rng draws = drawsOf(options, step, 7'000'000 + g);
        store::StoredGroup group;
        group.promptIndex = row.promptIndex;
        group.isReplayed = options.usesReplay && g % 2 == 1;
        group.birthStep = group.isReplayed ? std::max<std::int64_t>(0, step - 3) : step;
        group.promptTokens = { 1, 2, 3, static_cast<std::int32_t>(row.promptIndex) };
        for (std::int64_t sample = 0; sample < row.attempts; ++sample) {
            store::StoredRollout one;
            one.rollout.verdict = sample < row.successes ? Verdict::Correct : (sample == row.attempts - 1 ? Verdict::Truncated : Verdict::Wrong);
            one.rollout.finish = one.rollout.verdict == Verdict::Truncated ? FinishReason::Length : FinishReason::EndOfSequence;
            one.rollout.reward = one.rollout.isSuccess() ? 1.0 : 0.0;
            one.rollout.extracted = std::to_string(draws.below(13));
            one.rollout.rule = "exact";
            one.advantage = one.rollout.isSuccess() ? 0.9 : -0.9;
            for (int token = 0; token < 24; ++token) {
                one.rollout.tokens.push_back(static_cast<std::int32_t>(draws.below(75)));
                one.rollout.logprobs.push_back(static_cast<float>(-draws.uniform()));
                one.trainerLogprobs.push_back(one.rollout.logprobs.back() + static_cast<float>(0.01 * draws.uniform()));
                one.rollout.text += concat(token == 0 ? "" : " ", one.rollout.tokens.back());
                one.tokenEnds.push_back(static_cast<std::int32_t>(one.rollout.text.size()));
            }
            group.rollouts.push_back(std::move(one));
        }
        groups.push_back(std::move(group));
    }
    return groups;
}

FakeRun::FakeRun(const std::filesystem::path& folder, FakeRunOptions options, std::optional<std::int64_t> keepThroughStep)
    : m_options(std::move(options))
    , m_next(keepThroughStep ? *keepThroughStep + 1 : 0)
{
    std::filesystem::create_directories(folder);
    store::RunWriterOptions writer;
    writer.folder = folder;
    writer.keepThroughStep = keepThroughStep;
    writer.info.name = m_options.name;
    writer.info.version = "test";
    writer.info.configText = configOf(m_options);
    writer.info.resolvedText = configOf(m_options);
    writer.info.modelName = "fake-model";
    writer.info.seed = static_cast<std::int64_t>(m_options.seed);
    writer.info.totalSteps = m_options.steps;
    m_writer = std::make_unique<store::RunWriter>(writer);
    m_writer->setPrompts(fakePrompts(m_options));
    std::vector<store::RankRecord> ranks;
    for (std::int64_t rank = 0; rank < m_options.ranks; ++rank)
        ranks.push_back({ rank, "testhost", 1000 + rank, "cpu", "a processor", 8'000'000'000 });
    m_writer->setRanks(ranks);
    if (m_options.rolloutEvery > 0)
        m_rollouts = std::make_unique<store::RolloutStore>(folder / "rollouts.db", store::RolloutStoreOptions(), keepThroughStep);
    writeFileAtomically(folder / "config.toml", configOf(m_options));
    writeFileAtomically(folder / "resolved.toml", configOf(m_options));
}

FakeRun::~FakeRun() = default;

void FakeRun::writeStep()
{
    m_writer->commitStep(fakeStep(m_options, m_next));
    if (m_rollouts && m_next > 0 && m_next % m_options.rolloutEvery == 0)
        m_rollouts->append(m_next, fakeGroups(m_options, m_next));
    ++m_next;
}

void FakeRun::writeThrough(std::int64_t step)
{
    while (m_next <= step)
        writeStep();
}

void FakeRun::finish()
{
    m_writer->finish();
    if (m_rollouts)
        m_rollouts->finish();
}

void writeFakeRun(const std::filesystem::path& folder, const FakeRunOptions& options)
{
    FakeRun run(folder, options);
    run.writeThrough(options.steps);
    run.finish();
}

} // namespace midpoint::test
