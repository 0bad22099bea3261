#include "backend/config/checks.h"

#include "backend/core/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace midpoint::config {
namespace {

class Checker {
public:
    explicit Checker(ConfigReport& report)
        : m_report(report)
        , m_config(report.loaded.config)
    {
    }

    void run()
    {
        checkDevices();
        checkData();
        checkBatch();
        checkRollout();
        checkSelection();
        checkReplay();
        checkReward();
        checkOptimizer();
        checkEvaluation();
    }

private:
    template <typename... Parts>
    void problem(const std::string& key, const Parts&... parts)
    {
        m_report.problems.push_back({ key, placeOf(key), concat(parts...) });
    }

    template <typename... Parts>
    void warning(const std::string& key, const Parts&... parts)
    {
        m_report.loaded.warnings.push_back({ key, placeOf(key), concat(parts...) });
    }

    std::string placeOf(const std::string& key) const
    {
        const Source source = m_report.loaded.sourceOf(key);
        return source.origin == Origin::Default || source.origin == Origin::Derived
            ? std::string()
            : source.origin == Origin::File ? source.where : describe(source);
    }

    void checkDevices();
    void checkData();
    void checkBatch();
    void checkRollout();
    void checkSelection();
    void checkReplay();
    void checkReward();
    void checkOptimizer();
    void checkEvaluation();

    ConfigReport& m_report;
    const RunConfig& m_config;
};

bool isCudaDevice(const std::string& device)
{
    constexpr std::string_view kPrefix = "cuda:";
    return startsWith(device, kPrefix) && device.size() > kPrefix.size() && device.size() <= kPrefix.size() + 4
        && std::all_of(device.begin() + kPrefix.size(), device.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void Checker::checkDevices()
{
    const auto& run = m_config.run;
    if (run.name.find('/') != std::string::npos || run.name == "." || run.name == "..")
        problem("run.name", "expected a folder name without '/', found '", run.name, "'");
    if (run.devices.empty())
        problem("run.devices", "expected at least one device, found an empty list");
    std::set<std::string> seen;
    for (const std::string& device : run.devices) {
        if (device != "cpu" && !isCudaDevice(device))
            problem("run.devices", "expected \"cpu\" or \"cuda:N\", found '", device, "'");
        else if (device != "cpu" && !seen.insert(device).second)
            problem("run.devices", "'", device, "' is listed twice; every rank needs a GPU of its own");
    }
    const auto isCpu = [](const std::string& device) { return device == "cpu"; };
    if (!seen.empty() && std::any_of(run.devices.begin(), run.devices.end(), isCpu))
        problem("run.devices", "expected only GPUs or only \"cpu\", found both");
    const auto ranks = static_cast<std::int64_t>(run.devices.size());
    if (ranks > m_config.batch.promptsPerStep)
        problem("run.devices", "expected at most batch.prompts_per_step = ", m_config.batch.promptsPerStep, " devices, found ", ranks);
}

void Checker::checkData()
{
    const auto& data = m_config.data;
    if (m_config.model.path.empty())
        problem("model.path", "is not set; expected the Hugging Face folder of the starting model");
    if (data.trainFiles.empty())
        problem("data.train_files", "is not set; expected at least one .jsonl or .parquet file");
    if (m_config.eval.everySteps > 0 && data.valFiles.empty())
        warning("data.val_files", "is not set: the run will not be evaluated on held-out prompts");
    const bool isOwn = data.promptTemplate == "own";
    if (isOwn && data.ownTemplate.find("{question}") == std::string::npos)
        problem("data.own_template", "prompt_template = \"own\" expects a text with {question}, found '", data.ownTemplate, "'");
    if (!isOwn && !data.ownTemplate.empty())
        warning("data.own_template", "is not used: data.prompt_template is '", data.promptTemplate, "', not 'own'");
}

void Checker::checkBatch()
{
    const auto& batch = m_config.batch;
    const std::int64_t samples = m_config.rollout.samplesPerPrompt;
    const std::int64_t rows = batch.promptsPerStep * samples;
    if (batch.rowsPerUpdate > rows)
        problem("batch.rows_per_update", "expected at most the rows of one step: prompts_per_step x samples_per_prompt = ",
            batch.promptsPerStep, " x ", samples, " = ", rows, ", found ", batch.rowsPerUpdate);
    if (batch.rowsPerUpdate == 0 && batch.promptsPerUpdate > batch.promptsPerStep)
        problem("batch.prompts_per_update", "expected at most batch.prompts_per_step = ", batch.promptsPerStep, ", found ",
            batch.promptsPerUpdate);
    else if (batch.rowsPerUpdate == 0 && batch.promptsPerStep % batch.promptsPerUpdate != 0)
        problem("batch.prompts_per_update", "expected a divisor of batch.prompts_per_step = ", batch.promptsPerStep, ", found ",
            batch.promptsPerUpdate, ": ", batch.promptsPerStep, " = ", batch.promptsPerStep / batch.promptsPerUpdate, " x ",
            batch.promptsPerUpdate, " + ", batch.promptsPerStep % batch.promptsPerUpdate);
    const bool countsRows = batch.rowsPerUpdate > 0;
    const std::int64_t updateRows = countsRows ? batch.rowsPerUpdate : batch.promptsPerUpdate * samples;
    if (batch.minRowsPerUpdate > updateRows)
        problem("batch.min_rows_per_update", "expected at most the rows of one update, ",
            countsRows ? concat("batch.rows_per_update = ", updateRows)
                       : concat("prompts_per_update x samples_per_prompt = ", batch.promptsPerUpdate, " x ", samples, " = ", updateRows),
            ", found ", batch.minRowsPerUpdate);
    const std::int64_t longest = m_config.data.maxPromptTokens + m_config.rollout.maxNewTokens;
    if (batch.tokensPerMicrobatch < longest)
        problem("batch.tokens_per_microbatch", "expected room for the longest row, data.max_prompt_tokens + rollout.max_new_tokens = ",
            m_config.data.maxPromptTokens, " + ", m_config.rollout.maxNewTokens, " = ", longest, ", found ", batch.tokensPerMicrobatch);
}

void Checker::checkRollout()
{
    const auto& rollout = m_config.rollout;
    if (rollout.screenSamples == 1 || rollout.screenSamples >= rollout.samplesPerPrompt)
        problem("rollout.screen_samples", "expected 0 or from 2 to fewer than rollout.samples_per_prompt = ", rollout.samplesPerPrompt,
            ", found ", rollout.screenSamples, rollout.screenSamples == 1 ? ": one reward never differs from itself" : "");
    if (rollout.maxSamples > 0 && (rollout.minSamples > rollout.samplesPerPrompt || rollout.maxSamples < rollout.samplesPerPrompt))
        problem("rollout.max_samples", "expected min_samples <= samples_per_prompt <= max_samples, found ", rollout.minSamples, ", ",
            rollout.samplesPerPrompt, " and ", rollout.maxSamples);
    if (rollout.maxSamples > 0 && !usesBelief(m_config))
        warning("rollout.max_samples", "has no effect with strategy '", m_config.selection.strategy, "', which believes nothing of prompts");
    const bool isFixed = rollout.maxSamples <= rollout.samplesPerPrompt;
    const std::int64_t largest = isFixed ? rollout.samplesPerPrompt : rollout.maxSamples;
    if (rollout.maxSequences < largest)
        problem("rollout.max_sequences", "expected at least ", isFixed ? "rollout.samples_per_prompt" : "rollout.max_samples", " = ",
            largest, " (a group is decoded together), found ", rollout.maxSequences);
    const std::int64_t longest = m_config.data.maxPromptTokens + rollout.maxNewTokens;
    if (rollout.kvBlockTokens > longest)
        problem("rollout.kv_block_tokens", "expected at most the longest sequence, data.max_prompt_tokens + rollout.max_new_tokens = ",
            m_config.data.maxPromptTokens, " + ", rollout.maxNewTokens, " = ", longest, ", found ", rollout.kvBlockTokens);
}

void Checker::checkSelection()
{
    const auto& selection = m_config.selection;
    constexpr std::array<const char*, 6> kParts = { "embeddings", "counts", "importance", "drift", "signal", "length" };
    for (const std::string& part : selection.midpointParts)
        if (std::find(kParts.begin(), kParts.end(), part) == kParts.end())
            problem("selection.midpoint_parts", "expected embeddings, counts, importance, drift, signal or length, found '", part, "'");
    if (selection.strategy == "dynamic-sampling" && !m_config.policy.dropGroupsWithoutSignal)
        warning("policy.drop_groups_without_signal", "is false, but strategy 'dynamic-sampling' drops them anyway");
    if (!usesBelief(m_config)) {
        if (selection.reuseReference && m_report.loaded.sourceOf("selection.reuse_reference").origin != Origin::Preset)
            warning("selection.reuse_reference", "has no effect with strategy '", selection.strategy, "', which measures no references");
        return;
    }
    if (selection.belief == "predictor" && selection.predictorPath.empty())
        problem("selection.predictor_path",
            "is not set; belief 'predictor' needs a trained predictor. Make one with `midpoint predictor embed`, "
            "`midpoint eval --labels` and `midpoint predictor train`, or choose another selection.belief");
    if (selection.belief != "predictor" && selection.belief != "midpoint" && !selection.predictorPath.empty())
        warning("selection.predictor_path", "is not used: selection.belief is '", selection.belief, "'");
    if (selection.referencePrompts == 0 && selection.reuseReference)
        warning("selection.reuse_reference", "has no effect: selection.reference_prompts is 0");
    const std::int64_t fresh = freshGroupsPerStep(m_config);
    const double explored = selection.explorationShare * static_cast<double>(fresh * selection.intervalSteps);
    if (selection.explorationShare > 0.0 && explored < 1.0)
        warning("selection.exploration_share", shortest(selection.explorationShare), " x ", fresh, " fresh groups x ",
            selection.intervalSteps, " steps = ", fixed(explored, 2), ": less than one explored prompt in a round");
    if (selection.belief == "predictor" && selection.referencePrompts == 0 && selection.explorationShare == 0.0)
        warning("selection.exploration_share", "is 0 and selection.reference_prompts is 0: the predictor is anchored only on "
                                               "prompts that were chosen for being near the target");
}

void Checker::checkReplay()
{
    const auto& replay = m_config.replay;
    if (!replay.enabled)
        return;
    const std::int64_t step = m_config.batch.promptsPerStep;
    const double share = replay.freshFraction * static_cast<double>(step);
    const std::int64_t fresh = freshGroupsPerStep(m_config);
    const std::int64_t replayed = replayedGroupsPerStep(m_config);
    const std::string sum = concat("replay.fresh_fraction x batch.prompts_per_step = ", shortest(replay.freshFraction), " x ", step,
        " = ", fixed(share, 2), ": ", fresh, " fresh and ", replayed, " replayed groups");
    if (fresh < 1)
        problem("replay.fresh_fraction", "expected at least one fresh group in a step, found ", sum);
    else if (replayed == 0)
        warning("replay.fresh_fraction", "nothing will be replayed: ", sum);
    if (replay.capacity < replayed)
        problem("replay.capacity", "expected at least the replayed groups of one step, found ", replay.capacity, "; ", sum);
    else if (replay.rule == "released" && replayed > 0 && replay.capacity - fresh < replayed)
        warning("replay.capacity", "the released rule keeps only the newest capacity - fresh = ", replay.capacity, " - ", fresh, " = ",
            std::max<std::int64_t>(0, replay.capacity - fresh), " older groups, fewer than the ", replayed,
            " that a step replays: the buffer will run short");
    if (replay.maxAgeSteps > 0 && replay.maxAgeSteps * fresh < replayed)
        warning("replay.max_age_steps", replay.maxAgeSteps, " steps x ", fresh, " fresh groups = ", replay.maxAgeSteps * fresh,
            " groups young enough at most, fewer than the ", replayed, " that a step replays");
    if (replay.weightCap > 0.0 && m_config.policy.loss != "decoupled")
        warning("replay.weight_cap", "has no effect: only policy.loss 'decoupled' has importance weights, found '",
            m_config.policy.loss, "'");
}

void Checker::checkReward()
{
    const auto& reward = m_config.reward;
    if (reward.kind == "regex" && reward.pattern.empty())
        problem("reward.pattern", "is not set; reward.kind 'regex' expects a regular expression");
    if (reward.kind == "external" && reward.externalCommand.empty())
        problem("reward.external_command", "is not set; reward.kind 'external' expects a program");
    if (reward.kind != "external" && !reward.externalCommand.empty())
        warning("reward.external_command", "is not used: reward.kind is '", reward.kind, "'");
    if (reward.overlongBufferTokens > m_config.rollout.maxNewTokens)
        problem("reward.overlong_buffer_tokens", "expected at most rollout.max_new_tokens = ", m_config.rollout.maxNewTokens, ", found ",
            reward.overlongBufferTokens);
}

void Checker::checkOptimizer()
{
    const auto& optimizer = m_config.optimizer;
    if (optimizer.schedule != "constant" && optimizer.warmupSteps >= m_config.run.steps)
        problem("optimizer.warmup_steps", "expected fewer than run.steps = ", m_config.run.steps, " with schedule '", optimizer.schedule,
            "', found ", optimizer.warmupSteps);
    else if (optimizer.warmupSteps >= m_config.run.steps)
        warning("optimizer.warmup_steps", "the learning rate rises until step ", optimizer.warmupSteps, " of a run of ",
            m_config.run.steps, " steps");
}

void Checker::checkEvaluation()
{
    const auto& eval = m_config.eval;
    if (eval.temperature == 0.0 && eval.samplesPerPrompt > 1)
        warning("eval.samples_per_prompt", "all ", eval.samplesPerPrompt, " responses will be the same: eval.temperature is 0");
    const std::int64_t samples = m_config.rollout.samplesPerPrompt;
    const std::int64_t stored = m_config.store.rolloutsPerStep;
    if (stored > 0 && stored < samples)
        warning("store.rollouts_per_step", "whole groups of ", samples, " responses are stored, so ", stored, " stores none");
}

} // namespace

bool usesBelief(const RunConfig& config)
{
    return config.selection.strategy != "uniform" && config.selection.strategy != "dynamic-sampling";
}

std::int64_t freshGroupsPerStep(const RunConfig& config)
{
    if (!config.replay.enabled)
        return config.batch.promptsPerStep;
    // Rounded down as in the released code; the small term keeps 0.3 x 10 at 3.
    constexpr double kRounding = 1e-9;
    return static_cast<std::int64_t>(
        std::floor(config.replay.freshFraction * static_cast<double>(config.batch.promptsPerStep) + kRounding));
}

std::int64_t replayedGroupsPerStep(const RunConfig& config)
{
    return config.batch.promptsPerStep - freshGroupsPerStep(config);
}

void checkArithmetic(ConfigReport& report)
{
    Checker(report).run();
}

} // namespace midpoint::config
