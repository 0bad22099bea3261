// The table itself. Names of verl are without their prefix actor_rollout_ref; names without a dot are TRL's or the paper's
// symbols; data.mu, data.tau and the like are those of the paper's script.
#include "backend/config/schema.h"

#include <type_traits>

namespace midpoint::config {
namespace {

template <typename Field>
constexpr ValueType typeOfField()
{
    if constexpr (std::is_same_v<Field, bool>)
        return ValueType::Boolean;
    else if constexpr (std::is_same_v<Field, std::int64_t>)
        return ValueType::Integer;
    else if constexpr (std::is_same_v<Field, double>)
        return ValueType::Number;
    else if constexpr (std::is_same_v<Field, std::string>)
        return ValueType::Text;
    else
        return ValueType::TextList;
}

class Table {
public:
    template <typename Section, typename Field>
    void add(std::string key, Section RunConfig::*section, Field Section::*field, Range range, std::string unit,
        std::string help, std::vector<Alias> aliases = {})
    {
        Setting setting;
        setting.key = std::move(key);
        setting.type = typeOfField<Field>();
        setting.range = std::move(range);
        setting.unit = std::move(unit);
        setting.help = std::move(help);
        setting.aliases = std::move(aliases);
        setting.read = [=](const RunConfig& config) { return Value(config.*section.*field); };
        setting.defaultValue = setting.read(defaults);
        setting.write = [=](RunConfig& config, const Value& value) { config.*section.*field = std::get<Field>(value); };
        settings.push_back(std::move(setting));
    }
    const RunConfig defaults;
    std::vector<Setting> settings;
};

Range any() { return {}; }
Range atLeast(double minimum) { return { .minimum = minimum }; }
Range above(double minimum) { return { .minimum = minimum, .excludesMinimum = true }; }
Range between(double minimum, double maximum) { return { .minimum = minimum, .maximum = maximum }; }
Range aboveUpTo(double minimum, double maximum) { return { .minimum = minimum, .maximum = maximum, .excludesMinimum = true }; }
Range fromBelow(double minimum, double maximum) { return { .minimum = minimum, .maximum = maximum, .excludesMaximum = true }; }
Range oneOf(std::vector<std::string> choices) { return { .choices = std::move(choices) }; }
Range path(PathKind kind) { return { .path = kind }; }

void addRunAndModel(Table& table)
{
    const auto run = &RunConfig::run;
    table.add("run.name", run, &RunSection::name, any(), "",
        "Folder name under runs/. Empty: the configuration's file name.", { { "trainer.experiment_name" }, { "run_name" } });
    table.add("run.seed", run, &RunSection::seed, atLeast(0), "", "Seed of every random draw of the run.", { { "seed" } });
    table.add("run.steps", run, &RunSection::steps, atLeast(1), "steps", "Training steps of the run.",
        { { "trainer.total_training_steps" }, { "max_steps" } });
    table.add("run.threads", run, &RunSection::threads, between(0, 4096), "threads",
        "Threads of each rank for computing. 0: OMP_NUM_THREADS if it is set, else an equal share of the cores.");
    table.add("run.devices", run, &RunSection::devices, any(), "",
        "One device per rank: \"cpu\", or GPUs (\"cuda:0\", \"cuda:1\", ...), each listed once.");
    table.add("run.dtype", run, &RunSection::dtype, oneOf({ "float32", "bfloat16", "float16" }), "",
        "Type that the model computes in. Master weights and optimizer state are float32 always.", { { "rollout.dtype" } });
    table.add("run.liveness_seconds", run, &RunSection::livenessSeconds, between(1, 3600), "s",
        "A rank that gives no sign of life for so long ends the run. Ranks give one also while they compute and wait.");
    table.add("run.rendezvous_seconds", run, &RunSection::rendezvousSeconds, between(1, 86400), "s",
        "Time in which all ranks have to meet at the start.");
    table.add("run.collective_seconds", run, &RunSection::collectiveSeconds, between(1, 86400), "s",
        "Longest time of one operation in which all ranks take part, waiting for the slowest included.");
    table.add("run.try_worst_case", run, &RunSection::tryWorstCase, oneOf({ "auto", "yes", "no" }), "",
        "Before the first step, send the longest sequences and the largest micro-batch through once, so that memory runs out at "
        "the start or never. auto: on GPUs.");
    const auto model = &RunConfig::model;
    table.add("model.path", model, &ModelSection::path, path(PathKind::Folder), "",
        "Hugging Face folder of the starting model: config.json, tokenizer.json and safetensors.",
        { { "model_name_or_path" } });
    table.add("model.activation_checkpointing", model, &ModelSection::activationCheckpointing, any(), "",
        "Recompute activations in the backward pass: less memory, about a third more time in updates.",
        { { "model.enable_gradient_checkpointing" }, { "gradient_checkpointing" } });
}

void addData(Table& table)
{
    const auto data = &RunConfig::data;
    table.add("data.train_files", data, &DataSection::trainFiles, path(PathKind::File), "",
        "Prompt sets to train on, .jsonl or .parquet.");
    table.add("data.val_files", data, &DataSection::valFiles, path(PathKind::File), "",
        "Held-out prompt sets, .jsonl or .parquet; each is reported under its own name.");
    table.add("data.prompt_template", data, &DataSection::promptTemplate,
        oneOf({ "auto", "plain", "qwen-math", "chatml", "llama3", "own" }), "",
        "How a question becomes a prompt. auto: from the model's tokenizer; own: data.own_template.");
    table.add("data.own_template", data, &DataSection::ownTemplate, any(), "",
        "Template text with {question} and, if wanted, {system}; for prompt_template = \"own\".");
    table.add("data.system_prompt", data, &DataSection::systemPrompt, any(), "",
        "System message. Empty: the template's own.");
    table.add("data.question_column", data, &DataSection::questionColumn, any(), "",
        "Column that holds the question. Empty: recognised.", { { "data.prompt_key" } });
    table.add("data.answer_column", data, &DataSection::answerColumn, any(), "",
        "Column that holds the reference answer. Empty: recognised.");
    table.add("data.max_prompt_tokens", data, &DataSection::maxPromptTokens, atLeast(1), "tokens",
        "Longer prompts are dropped and counted.", { { "data.max_prompt_length" }, { "max_prompt_length" } });
    table.add("data.allow_dataset_change", data, &DataSection::allowDatasetChange, any(), "",
        "Allow resuming on other data than the checkpoint's.");
}

void addBatchAndRollout(Table& table)
{
    const auto batch = &RunConfig::batch;
    table.add("batch.prompts_per_step", batch, &BatchSection::promptsPerStep, atLeast(1), "groups",
        "Groups of one training step, fresh and replayed together.", { { "data.train_batch_size" } });
    table.add("batch.prompts_per_update", batch, &BatchSection::promptsPerUpdate, atLeast(1), "groups",
        "Groups of one optimizer update; divides prompts_per_step. Not used when rows_per_update is set.",
        { { "actor.ppo_mini_batch_size" } });
    table.add("batch.rows_per_update", batch, &BatchSection::rowsPerUpdate, atLeast(0), "responses",
        "Count updates in responses with signal instead of groups. 0: count groups.");
    table.add("batch.min_rows_per_update", batch, &BatchSection::minRowsPerUpdate, atLeast(0), "responses",
        "Fewer responses with signal are carried over to the next update. 0: no floor.");
    table.add("batch.tokens_per_microbatch", batch, &BatchSection::tokensPerMicrobatch, atLeast(1), "tokens",
        "Tokens of one packed forward and backward pass: the one memory setting of training.",
        { { "actor.ppo_max_token_len_per_gpu" } });
    const auto rollout = &RunConfig::rollout;
    table.add("rollout.samples_per_prompt", rollout, &RolloutSection::samplesPerPrompt, between(2, 4096), "responses",
        "Responses sampled for one prompt in one step: the size G of its group.", { { "rollout.n" }, { "num_generations" } });
    table.add("rollout.max_samples", rollout, &RolloutSection::maxSamples, atLeast(0), "responses",
        "Give targeted prompts groups of different sizes, up to this: more responses where the outcome is open and a response cheap, for the "
        "same cost as samples_per_prompt for all. 0: all alike.");
    table.add("rollout.min_samples", rollout, &RolloutSection::minSamples, atLeast(2), "responses",
        "With max_samples: the smallest group.");
    table.add("rollout.screen_samples", rollout, &RolloutSection::screenSamples, atLeast(0), "responses",
        "Sample so many responses of a group first and complete it only if their rewards differ. Prompts near 0 and 1 then "
        "weigh less in the gradient, by a known factor; explored groups are always completed. 0: off.");
    table.add("rollout.max_new_tokens", rollout, &RolloutSection::maxNewTokens, atLeast(1), "tokens",
        "A response is cut at this length.", { { "data.max_response_length" }, { "max_completion_length" } });
    table.add("rollout.temperature", rollout, &RolloutSection::temperature, above(0), "",
        "Sampling temperature in training.", { { "temperature" } });
    table.add("rollout.top_k", rollout, &RolloutSection::topK, atLeast(0), "tokens",
        "Sample among the k likeliest tokens. 0: off.", { { "top_k" } });
    table.add("rollout.top_p", rollout, &RolloutSection::topP, aboveUpTo(0, 1), "",
        "Sample among the likeliest tokens of this total probability. 1: off.", { { "top_p" } });
    table.add("rollout.max_sequences", rollout, &RolloutSection::maxSequences, atLeast(1), "sequences",
        "Sequences decoded at once.", { { "rollout.max_num_seqs" } });
    table.add("rollout.kv_cache_megabytes", rollout, &RolloutSection::kvCacheMegabytes, atLeast(0), "MB",
        "Memory of the key-value cache on each device. 0: what weights, optimizer and updates leave.");
    table.add("rollout.kv_block_tokens", rollout, &RolloutSection::kvBlockTokens, between(1, 1024), "tokens",
        "Tokens of one block of the key-value cache.");
    table.add("rollout.cuda_graphs", rollout, &RolloutSection::cudaGraphs, any(), "",
        "On GPUs: record steps of decoding as graphs, which start with one call instead of hundreds. Off: one operation at a time.",
        { { "rollout.enforce_eager", { { "true", "false" }, { "false", "true" } } } });
}

void addSelection(Table& table)
{
    const auto selection = &RunConfig::selection;
    table.add("selection.strategy", selection, &SelectionSection::strategy,
        oneOf({ "uniform", "dynamic-sampling", "dots", "dots-released", "mopps", "midpoint" }), "",
        "How prompts are chosen. dynamic-sampling: uniformly, groups without signal are replaced until the batch is full (DAPO). dots: by closeness of the believed success rate to the target (dots-released: references by "
        "their prediction, not their measurement). mopps: the same of a draw from the belief. midpoint: by expected p (1 - p) per token (sharpness, thrift).",
        { { "data.random_selection", { { "true", "uniform" }, { "false", "dots" } } } });
    table.add("selection.belief", selection, &SelectionSection::belief,
        oneOf({ "predictor", "posterior", "snis", "last_seen", "midpoint", "oracle" }), "",
        "What the success rates of prompts are believed from. predictor: embeddings and measured references (DOTS). posterior: "
        "discounted counts (MoPPS). snis: the last group, importance-corrected where it is replayed (DARE). last_seen: the last "
        "group. midpoint: all of these together. oracle: fresh rollouts of candidates, counted apart; for experiments.");
    table.add("selection.generation_prompts", selection, &SelectionSection::generationPrompts, atLeast(0), "prompts",
        "Strategy dynamic-sampling: prompts of one round of generation. 0: as many as a step trains on.",
        { { "data.gen_batch_size" } });
    table.add("selection.max_rounds", selection, &SelectionSection::maxRounds, between(1, 1000), "rounds",
        "Strategy dynamic-sampling: rounds of generation in one step at most; a batch that is not full then is trained on as it is.",
        { { "algorithm.filter_groups.max_num_gen_batches" } });
    table.add("selection.oracle_prompts", selection, &SelectionSection::oraclePrompts, atLeast(0), "prompts",
        "Belief oracle: prompts drawn uniformly and measured in each round; the others are never targeted. 0: all.");
    table.add("selection.oracle_samples", selection, &SelectionSection::oracleSamples, between(1, 4096), "responses",
        "Belief oracle: fresh responses for each measured prompt.");
    table.add("selection.midpoint_parts", selection, &SelectionSection::midpointParts, any(), "",
        "Belief midpoint: its parts in use, any subset of embeddings, counts, importance, drift, signal, length.");
    table.add("selection.target", selection, &SelectionSection::target, between(0, 1), "success rate",
        "Target success rate, alpha.", { { "alpha" }, { "data.alpha" }, { "dots.target" } });
    table.add("selection.temperature", selection, &SelectionSection::temperature, atLeast(0), "",
        "tau of exp(-|p - target| / tau): smaller is stricter, 0 takes the nearest.", { { "tau" }, { "data.tau" }, { "dots.temperature" } });
    table.add("selection.interval_steps", selection, &SelectionSection::intervalSteps, atLeast(1), "steps",
        "Training steps that one selection round serves, mu.", { { "mu" }, { "data.mu" }, { "dots.interval" } });
    table.add("selection.reference_prompts", selection, &SelectionSection::referencePrompts, atLeast(0), "prompts",
        "Prompts measured by rollouts in each round to anchor the belief 'predictor', K. 0: training rollouts serve.",
        { { "ref_size" }, { "data.ref_size" } });
    table.add("selection.reuse_reference", selection, &SelectionSection::reuseReference, any(), "",
        "Train on the reference rollouts too.");
    table.add("selection.calibration", selection, &SelectionSection::calibration,
        oneOf({ "none", "linear", "linear-unclamped", "platt" }), "",
        "Map fitted from predictions to measured rates of the reference prompts.");
    table.add("selection.exploration_share", selection, &SelectionSection::explorationShare, fromBelow(0, 1), "share",
        "Share of the fresh groups that is chosen uniformly.");
    table.add("selection.sharpness", selection, &SelectionSection::sharpness, between(0, 100), "",
        "Strategy midpoint: the chance of a prompt goes with this power of its expected signal per token. 0: uniform.");
    table.add("selection.thrift", selection, &SelectionSection::thrift, between(0, 2), "",
        "Strategy midpoint: how much the expected length of a response counts, which is what it costs. 0: not at all, 1: as much as the "
        "signal.");
    table.add("selection.clusters", selection, &SelectionSection::clusters, atLeast(0), "clusters",
        "Strategy midpoint: divide the prompts by their embeddings into so many kinds, of which none gets more than twice its even share "
        "of the targeted prompts of a draw. 0: off.");
    table.add("selection.predictor_path", selection, &SelectionSection::predictorPath, path(PathKind::File), "",
        "Predictor weights, made by `midpoint predictor train`; belief midpoint takes them as its prior.");
    table.add("selection.embeddings_path", selection, &SelectionSection::embeddingsPath, path(PathKind::File), "",
        "Prompt embeddings, made by `midpoint predictor embed`. Empty: computed and kept in the run folder.");
}

void addReplayAndReward(Table& table)
{
    const auto replay = &RunConfig::replay;
    table.add("replay.enabled", replay, &ReplaySection::enabled, any(), "", "Train again on stored rollouts.");
    table.add("replay.fresh_fraction", replay, &ReplaySection::freshFraction, aboveUpTo(0, 1), "share",
        "Share of a step's groups that is generated anew, sigma (delta in the paper).",
        { { "sigma" }, { "data.sigma" }, { "delta" } });
    table.add("replay.capacity", replay, &ReplaySection::capacity, atLeast(1), "groups", "Groups that the buffer holds, C.",
        { { "buffer_size" }, { "data.buffer_size" } });
    table.add("replay.weight_cap", replay, &ReplaySection::weightCap, atLeast(0), "",
        "Cap of the importance weight pi_old / pi_behaviour. 0: none.", { { "algorithm.rollout_is_threshold" } });
    table.add("replay.max_age_steps", replay, &ReplaySection::maxAgeSteps, atLeast(0), "steps",
        "Older groups are not replayed. 0: no limit.");
    table.add("replay.positive_only", replay, &ReplaySection::positiveOnly, any(), "",
        "Replay only responses with positive advantage.");
    table.add("replay.priority", replay, &ReplaySection::priority, oneOf({ "uniform", "signal" }), "",
        "Which stored groups are drawn for replay: all alike, or by the variance of their rewards.");
    table.add("replay.freshness_decay", replay, &ReplaySection::freshnessDecay, aboveUpTo(0, 1), "per step",
        "Weight of a stored group in that draw for every step of its age. 1: age does not count.");
    table.add("replay.min_effective_share", replay, &ReplaySection::minEffectiveShare, between(0, 1), "share",
        "A drawn group whose importance weights leave a smaller effective share of its responses is dropped for good: the policy "
        "has moved too far from it. 0: none is.");
    table.add("replay.adaptive_fresh", replay, &ReplaySection::adaptiveFresh, any(), "",
        "Replay fewer groups beside the fresh ones than fresh_fraction allows, down to none, where fresh rollouts of the same worth are "
        "cheaper. The number of fresh groups in a step stays.");
    table.add("replay.cost_ratio", replay, &ReplaySection::costRatio, atLeast(0), "",
        "For adaptive_fresh: time of training a token over time of generating one. 0: measured once, in the first steps, which replay nothing.");
    table.add("replay.relative_value", replay, &ReplaySection::relativeValue, aboveUpTo(0, 1), "share",
        "For adaptive_fresh: what a replayed group is worth beside a fresh one, before its importance weights are counted.");
    table.add("replay.rule", replay, &ReplaySection::rule, oneOf({ "paper", "released" }), "",
        "paper: admit groups with signal, evict the oldest. released: the released code's order of operations.");
    const auto reward = &RunConfig::reward;
    table.add("reward.kind", reward, &RewardSection::kind, oneOf({ "math", "exact", "numeric", "choice", "regex", "external" }),
        "", "How responses are graded.");
    table.add("reward.pattern", reward, &RewardSection::pattern, any(), "",
        "Regular expression of kind regex, or the marker before the answer of kind exact.");
    table.add("reward.tolerance", reward, &RewardSection::tolerance, atLeast(0), "",
        "Relative difference that still counts as equal; for kind numeric.");
    table.add("reward.external_command", reward, &RewardSection::externalCommand, path(PathKind::Program), "",
        "Program and arguments of kind external; it reads requests and writes verdicts as JSON lines.");
    table.add("reward.deadline_seconds", reward, &RewardSection::deadlineSeconds, above(0), "s",
        "A response that takes longer to grade counts as a timeout.");
    table.add("reward.start_seconds", reward, &RewardSection::startSeconds, atLeast(0), "s",
        "Added to the deadline of the first response that a new grading process gets: it may load libraries.");
    table.add("reward.extraction", reward, &RewardSection::extraction,
        any(), "",
        "Where an answer is looked for, always in the order boxed, hashes, answer-phrase, dollars, last-number.");
    table.add("reward.workers", reward, &RewardSection::workers, between(1, 1024), "processes", "Grading in parallel.");
    table.add("reward.worker_memory_megabytes", reward, &RewardSection::workerMemoryMegabytes, atLeast(16), "MB",
        "Memory limit of one grading process.");
    table.add("reward.overlong_penalty", reward, &RewardSection::overlongPenalty, atLeast(0), "reward",
        "Reward lost by a response at the length limit. 0: off.");
    table.add("reward.overlong_buffer_tokens", reward, &RewardSection::overlongBufferTokens, atLeast(0), "tokens",
        "Length of the ramp before the limit over which the overlong penalty grows.");
    table.add("reward.format_weight", reward, &RewardSection::formatWeight, atLeast(0), "reward",
        "Reward for an answer in the expected form.");
}

void addPolicyAndOptimizer(Table& table)
{
    const auto policy = &RunConfig::policy;
    table.add("policy.advantage", policy, &PolicySection::advantage, oneOf({ "grpo", "dr_grpo", "rloo" }), "",
        "grpo: (r - mean) / std; dr_grpo: r - mean; rloo: r - mean of the others.",
        { { "algorithm.adv_estimator" },
            { "algorithm.norm_adv_by_std_in_grpo", { { "true", "grpo" }, { "false", "dr_grpo" } }, true },
            { "scale_rewards", { { "true", "grpo" }, { "group", "grpo" }, { "false", "dr_grpo" }, { "none", "dr_grpo" } } } });
    table.add("policy.loss", policy, &PolicySection::loss, oneOf({ "decoupled", "behaviour_ratio", "gspo" }), "",
        "decoupled: clip pi/pi_old, weight pi_old/pi_behaviour; behaviour_ratio: clip pi/pi_behaviour; gspo: by sequence.");
    table.add("policy.aggregation", policy, &PolicySection::aggregation,
        oneOf({ "token-mean", "seq-mean-token-mean", "seq-mean-token-sum-norm" }), "",
        "How token losses become one number.",
        { { "actor.loss_agg_mode" },
            { "loss_type", { { "grpo", "seq-mean-token-mean" }, { "dapo", "token-mean" }, { "bnpo", "token-mean" },
                               { "dr_grpo", "seq-mean-token-sum-norm" } } } });
    table.add("policy.clip_low", policy, &PolicySection::clipLow, aboveUpTo(0, 1), "", "The ratio is clipped below 1 - clip_low.",
        { { "actor.clip_ratio_low" }, { "epsilon" }, { "actor.clip_ratio", {}, true } });
    table.add("policy.clip_high", policy, &PolicySection::clipHigh, above(0), "", "The ratio is clipped above 1 + clip_high.",
        { { "actor.clip_ratio_high" }, { "epsilon_high" }, { "actor.clip_ratio", {}, true }, { "epsilon", {}, true } });
    table.add("policy.kl_coefficient", policy, &PolicySection::klCoefficient, atLeast(0), "",
        "Weight of the KL term (k3) to the starting model. 0: off, and no reference model is held.",
        { { "actor.kl_loss_coef" }, { "beta" } });
    table.add("policy.entropy_coefficient", policy, &PolicySection::entropyCoefficient, atLeast(0), "",
        "Weight of the entropy bonus. 0: off.", { { "actor.entropy_coeff" } });
    table.add("policy.drop_groups_without_signal", policy, &PolicySection::dropGroupsWithoutSignal, any(), "",
        "Leave groups whose rewards are all equal out of the update and of its token count.",
        { { "algorithm.filter_groups.enable" } });
    table.add("policy.log_entropy", policy, &PolicySection::logEntropy, any(), "",
        "Measure the entropy where log-probs are computed anyway.");
    table.add("policy.max_logprob_difference", policy, &PolicySection::maxLogprobDifference, above(0), "nats",
        "Mean |trainer - rollout| above which behaviour log-probs are recomputed.");
    const auto optimizer = &RunConfig::optimizer;
    table.add("optimizer.learning_rate", optimizer, &OptimizerSection::learningRate, above(0), "", "Learning rate of AdamW.",
        { { "actor.optim.lr" }, { "learning_rate" } });
    table.add("optimizer.beta1", optimizer, &OptimizerSection::beta1, fromBelow(0, 1), "", "AdamW's decay of the mean.",
        { { "adam_beta1" } });
    table.add("optimizer.beta2", optimizer, &OptimizerSection::beta2, fromBelow(0, 1), "", "AdamW's decay of the square.",
        { { "adam_beta2" } });
    table.add("optimizer.epsilon", optimizer, &OptimizerSection::epsilon, above(0), "", "AdamW's epsilon.",
        { { "adam_epsilon" } });
    table.add("optimizer.weight_decay", optimizer, &OptimizerSection::weightDecay, atLeast(0), "", "AdamW's weight decay.",
        { { "actor.optim.weight_decay" }, { "weight_decay" } });
    table.add("optimizer.gradient_clip", optimizer, &OptimizerSection::gradientClip, atLeast(0), "",
        "Largest norm of the whole gradient. 0: off.", { { "actor.grad_clip" }, { "max_grad_norm" } });
    table.add("optimizer.schedule", optimizer, &OptimizerSection::schedule, oneOf({ "constant", "linear", "cosine" }), "",
        "Course of the learning rate after the warm-up.", { { "actor.optim.warmup_style" }, { "lr_scheduler_type" } });
    table.add("optimizer.warmup_steps", optimizer, &OptimizerSection::warmupSteps, atLeast(0), "steps",
        "Training steps over which the learning rate rises from 0.", { { "actor.optim.lr_warmup_steps" }, { "warmup_steps" } });
    table.add("optimizer.min_learning_rate_ratio", optimizer, &OptimizerSection::minLearningRateRatio, between(0, 1), "share",
        "Learning rate at the end of linear and cosine, as a share of learning_rate.", { { "actor.optim.min_lr_ratio" } });
}

void addEvaluationAndStorage(Table& table)
{
    const auto eval = &RunConfig::eval;
    table.add("eval.every_steps", eval, &EvalSection::everySteps, atLeast(0), "steps", "Evaluate on data.val_files. 0: never.",
        { { "trainer.test_freq", { { "-1", "0" } } }, { "eval_steps" } });
    table.add("eval.at_start", eval, &EvalSection::atStart, any(), "", "Evaluate the starting model too.",
        { { "trainer.val_before_train" }, { "eval_on_start" } });
    table.add("eval.samples_per_prompt", eval, &EvalSection::samplesPerPrompt, atLeast(1), "responses",
        "Responses per held-out prompt.", { { "rollout.val_kwargs.n" }, { "num_generations_eval" } });
    table.add("eval.max_prompts", eval, &EvalSection::maxPrompts, atLeast(0), "prompts",
        "Prompts used of each held-out set. 0: all.");
    table.add("eval.temperature", eval, &EvalSection::temperature, atLeast(0), "", "Sampling temperature. 0: greedy.",
        { { "rollout.val_kwargs.temperature" } });
    table.add("eval.top_p", eval, &EvalSection::topP, aboveUpTo(0, 1), "", "As rollout.top_p, for evaluation.",
        { { "rollout.val_kwargs.top_p" } });
    const auto checkpoint = &RunConfig::checkpoint;
    table.add("checkpoint.every_steps", checkpoint, &CheckpointSection::everySteps, atLeast(0), "steps",
        "Save a checkpoint. 0: only at the end.", { { "trainer.save_freq", { { "-1", "0" } } }, { "save_steps" } });
    table.add("checkpoint.keep", checkpoint, &CheckpointSection::keep, atLeast(1), "checkpoints",
        "Complete checkpoints kept; older ones are removed.", { { "trainer.max_actor_ckpt_to_keep" }, { "save_total_limit" } });
    const auto store = &RunConfig::store;
    table.add("store.rollouts_per_step", store, &StoreSection::rolloutsPerStep, atLeast(-1), "responses",
        "Responses stored with their text in each step, as whole groups. 0: none, -1: all.");
    table.add("store.rollout_every_steps", store, &StoreSection::rolloutEverySteps, atLeast(1), "steps",
        "Store responses every so many steps.");
    table.add("store.max_rollout_megabytes", store, &StoreSection::maxRolloutMegabytes, atLeast(0), "MB",
        "Size of rollouts.db at which no more responses are stored.");
    const auto health = &RunConfig::health;
    table.add("health.truncation_share", health, &HealthSection::truncationShare, between(0, 1), "share",
        "Warn when more responses than this are cut at their length limit.");
    table.add("health.entropy_floor", health, &HealthSection::entropyFloor, atLeast(0), "nats",
        "Warn when the mean entropy per token falls below.");
    table.add("health.stale_age_steps", health, &HealthSection::staleAgeSteps, atLeast(0), "steps",
        "Warn when replayed groups are older than this on average.");
    table.add("health.min_effective_sample_share", health, &HealthSection::minEffectiveSampleShare, between(0, 1), "share",
        "Warn when the effective sample size of the replay weights falls below.");
}

std::vector<Setting> buildTable()
{
    Table table;
    addRunAndModel(table);
    addData(table);
    addBatchAndRollout(table);
    addSelection(table);
    addReplayAndReward(table);
    addPolicyAndOptimizer(table);
    addEvaluationAndStorage(table);
    return std::move(table.settings);
}

} // namespace

const std::vector<Setting>& schema()
{
    static const std::vector<Setting> settings = buildTable(); // constant data, built on first use
    return settings;
}

} // namespace midpoint::config
