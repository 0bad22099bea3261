#include "backend/store/metric_catalogue.h"

#include "backend/core/text.h"

#include <algorithm>
#include <array>

namespace midpoint::store {
namespace {

constexpr auto kUp = GoodDirection::Up;
constexpr auto kDown = GoodDirection::Down;
constexpr auto kNeither = GoodDirection::Neither;

constexpr std::array kCatalogue {
    MetricInfo { "critic/rewards/mean", "Reward", "", kUp, "Mean reward of the fresh training rollouts.", "reward rewards/mean" },
    MetricInfo { "critic/rewards/max", "Reward, largest", "", kUp, "Largest reward of the step.", "" },
    MetricInfo { "critic/rewards/min", "Reward, smallest", "", kUp, "Smallest reward of the step.", "" },
    MetricInfo { "critic/rewards/group_p10", "Reward of groups, 10th percentile", "", kUp, "A tenth of the groups has a lower mean reward.", "" },
    MetricInfo { "critic/rewards/group_p90", "Reward of groups, 90th percentile", "", kUp, "A tenth of the groups has a higher mean reward.", "" },
    MetricInfo { "critic/score/mean", "Success", "", kUp, "Share of fresh training rollouts that the grader calls correct.", "accuracy" },
    MetricInfo { "critic/score/max", "Success, largest", "", kUp, "Largest success of the step: 1 if any rollout was correct.", "" },
    MetricInfo { "critic/score/min", "Success, smallest", "", kUp, "Smallest success of the step.", "" },
    MetricInfo { "critic/advantages/mean", "Advantage", "", kNeither, "Mean advantage over the trained tokens.", "" },
    MetricInfo { "critic/advantages/max", "Advantage, largest", "", kNeither, "Largest advantage of the step.", "" },
    MetricInfo { "critic/advantages/min", "Advantage, smallest", "", kNeither, "Smallest advantage of the step.", "" },
    MetricInfo { "baseline_reward/pct_0", "Groups all wrong", "share", kDown, "Share of groups without any success: no signal.",
                 "solve_none" },
    MetricInfo { "baseline_reward/pct_1", "Groups all right", "share", kNeither, "Share of groups in which all rollouts succeed: no signal.",
                 "solve_all" },
    MetricInfo { "baseline_reward/pct_mixed", "Groups with signal", "share", kUp,
                 "Share of groups with successes and failures; only these teach.", "frac_reward_nonzero_std" },
    MetricInfo { "actor/pg_loss", "Policy loss", "", kNeither, "Policy-gradient loss. Its value says little; jumps do.",
                 "policy_loss loss" },
    MetricInfo { "actor/kl_loss", "KL to the reference", "nats", kDown, "k3 estimate of the KL divergence to the frozen reference.", "kl" },
    MetricInfo { "actor/ppo_kl", "KL of the update", "nats", kDown, "How far the step moved the policy on its own batch.", "approx_kl" },
    MetricInfo { "actor/entropy", "Entropy", "nats", kNeither, "Mean entropy per token. Near 0: the policy no longer explores.",
                 "entropy entropy_loss" },
    MetricInfo { "actor/grad_norm", "Gradient norm", "", kNeither, "Global norm before clipping.", "grad_norm" },
    MetricInfo { "actor/lr", "Learning rate", "", kNeither, "Learning rate of the step.", "learning_rate" },
    MetricInfo { "actor/pg_clipfrac", "Clipped tokens", "share", kDown, "Share of trained tokens whose ratio is clipped.",
                 "clip_ratio/region_mean clipfrac" },
    MetricInfo { "actor/pg_clipfrac_lower", "Clipped tokens, dual", "share", kDown, "Share of tokens clipped from below.", "" },
    MetricInfo { "response_length/mean", "Response length", "tokens", kNeither, "Mean length of the fresh responses.",
                 "completions/mean_length" },
    MetricInfo { "response_length/max", "Response length, largest", "tokens", kNeither, "Longest fresh response.", "completions/max_length" },
    MetricInfo { "response_length/min", "Response length, smallest", "tokens", kNeither, "Shortest fresh response.",
                 "completions/min_length" },
    MetricInfo { "response_length/clip_ratio", "Truncated responses", "share", kDown, "Share of responses cut at the length limit.",
                 "completions/clipped_ratio" },
    MetricInfo { "prompt_length/*", "Prompt length", "tokens", kNeither, "Length of the prompts of the step.", "" },
    MetricInfo { "response/aborted_ratio", "Aborted responses", "share", kDown, "Share of responses that did not come to an end.", "" },
    MetricInfo { "training/rollout_logprob_diff_mean", "Rollout mismatch", "nats", kDown,
                 "Mean absolute difference between the trainer's and the rollout's log-probs. Must stay near rounding.",
                 "sampling/sampling_logp_difference/mean train_rollout_logprob_abs_diff mismatch_kl" },
    MetricInfo { "training/rollout_logprob_diff_max", "Rollout mismatch, largest", "nats", kDown,
                 "Largest absolute difference of log-probs.", "sampling/sampling_logp_difference/max" },
    MetricInfo { "timing_s/step", "Step time", "s", kDown, "Wall time of the step.", "step_time time_per_step" },
    MetricInfo { "timing_s/gen", "Time: rollouts", "s", kDown, "Generation of rollouts.", "" },
    MetricInfo { "timing_s/reward", "Time: grading", "s", kDown, "Grading of responses.", "" },
    MetricInfo { "timing_s/select", "Time: selection", "s", kDown, "Beliefs and choice of prompts.", "" },
    MetricInfo { "timing_s/adv", "Time: advantages", "s", kDown, "Mixing in replay, advantages, packing.", "" },
    MetricInfo { "timing_s/update_actor", "Time: update", "s", kDown, "Forward, backward and optimizer.", "" },
    MetricInfo { "timing_s/testing", "Time: evaluation", "s", kDown, "Held-out evaluation.", "" },
    MetricInfo { "timing_s/save_checkpoint", "Time: checkpoint", "s", kDown, "Writing a checkpoint.", "" },
    MetricInfo { "timing_s/*", "Time", "s", kDown, "Wall time of a phase.", "" },
    MetricInfo { "perf/throughput", "Throughput", "tokens/s", kUp, "Generated and trained tokens per second of step time.", "num_tokens_per_s" },
    MetricInfo { "perf/*", "Performance", "", kNeither, "A figure of speed or memory.", "" },
    MetricInfo { "dots/pred_pearson", "Prediction: Pearson", "", kUp,
                 "Correlation of predicted and measured success rates. Not defined without variance.", "" },
    MetricInfo { "dots/pred_mae", "Prediction: mean error", "", kDown, "Mean absolute error of the predicted success rate.", "" },
    MetricInfo { "dots/pred_brier", "Prediction: Brier", "", kDown, "Mean squared error against single outcomes.", "" },
    MetricInfo { "dots/pred_ece", "Prediction: calibration error", "", kDown, "Expected calibration error over bins.", "" },
    MetricInfo { "dots/effective_ratio", "Effective prompts", "share", kUp, "Share of chosen prompts with 0 < success rate < 1.", "" },
    MetricInfo { "dots/target_alpha", "Target success rate", "", kNeither, "The success rate that selection aims at.", "" },
    MetricInfo { "dots/ref_size", "Reference prompts", "prompts", kNeither, "Prompts measured for the predictor in this round.", "" },
    MetricInfo { "dots/select_time_s", "Time: choosing", "s", kDown, "Time to predict and choose.", "" },
    MetricInfo { "dots/selected_difficulty_mean", "Difficulty of the chosen", "", kNeither, "Mean predicted difficulty of the chosen prompts.", "" },
    MetricInfo { "dots/selected_difficulty_std", "Difficulty of the chosen, spread", "", kNeither, "Standard deviation of the same.", "" },
    MetricInfo { "replay/age_mean", "Replay age", "steps", kDown, "Mean age of replayed groups.", "async/staleness_mean avg_trajectory_age" },
    MetricInfo { "replay/age_max", "Replay age, largest", "steps", kDown, "Age of the oldest replayed group.", "async/staleness_max" },
    MetricInfo { "replay/buffer_size", "Buffer fill", "groups", kNeither, "Groups in the replay buffer.", "buffer_size" },
    MetricInfo { "replay/fraction", "Replayed share", "share", kNeither, "Share of the step's groups that are replayed.", "" },
    MetricInfo { "replay/is_ratio_mean", "Replay ratio", "", kNeither, "Mean importance ratio of replayed tokens; 1 is fresh.",
                 "sampling/importance_sampling_ratio/mean" },
    MetricInfo { "replay/ess", "Replay effective size", "share", kUp, "Effective sample size of the replay weights.",
                 "rollout_corr/rollout_is_eff_sample_size" },
    MetricInfo { "replay/clipfrac", "Clipped replay tokens", "share", kDown, "Share of replayed tokens whose ratio is clipped.", "" },
    MetricInfo { "replay/evicted", "Evicted", "groups", kNeither, "Groups that left the buffer in this step.", "" },
    MetricInfo { "replay/num_overlap", "Replayed and fresh", "prompts", kNeither, "Prompts both fresh and replayed in this step.", "" },
    MetricInfo { "val-core/*/acc/mean@*", "Held-out accuracy", "", kUp, "Mean success on the held-out set.", "eval_accuracy" },
    MetricInfo { "val-core/*", "Held-out", "", kUp, "A figure of the held-out set.", "" },
    MetricInfo { "budget/rollouts", "Rollouts so far", "rollouts", kDown, "Rollouts generated since the start, for all purposes but evaluation.", "" },
    MetricInfo { "budget/generated_tokens", "Generated tokens so far", "tokens", kDown, "Tokens generated since the start, evaluation apart.",
                 "num_tokens" },
    MetricInfo { "budget/trained_tokens", "Trained tokens so far", "tokens", kDown, "Tokens that went through the update since the start.", "" },
    MetricInfo { "budget/train_seconds", "Training time so far", "s", kDown, "Wall time of steps since the start, evaluation and checkpoints apart.", "" },
    MetricInfo { "budget/cpu_seconds", "Processor time so far", "s", kDown, "Processor time of the same steps, all threads together.", "" },
    MetricInfo { "budget/oracle_*", "Oracle's cost so far", "", kDown, "Spent on the belief 'oracle', in no other sum.", "" },
    MetricInfo { "generation/rounds", "Rounds of generation", "rounds", kDown, "More than one only in dynamic sampling.", "num_gen_batches" },
    MetricInfo { "generation/unused_groups", "Unused groups", "groups", kDown,
                 "Generated and paid for, but not trained on: given up after screening, without signal, or beyond a full batch.", "" },
    MetricInfo { "generation/missing_groups", "Missing groups", "groups", kDown, "Fresh groups that the step wanted and did not get.", "" },
    MetricInfo { "replay/dropped_distant", "Replay dropped as too distant", "groups", kNeither,
                 "Groups whose importance weights left too small an effective share.", "" },
    MetricInfo { "replay/fresh_fraction", "Fresh fraction", "share", kNeither, "Share of the next step's groups that is generated anew.", "" },
    MetricInfo { "system/gpu_util", "GPU use", "%", kUp, "Share of time in which the GPU works.", "" },
    MetricInfo { "system/gpu_mem_gb", "GPU memory", "GB", kDown, "Memory in use on the GPU.", "" },
    MetricInfo { "system/rss_gb", "Memory", "GB", kDown, "Resident memory of the rank.", "perf/cpu_memory_used_gb" },
    MetricInfo { "memory/weights_gb", "Memory: weights", "GB", kDown, "Weights with their copies for decoding, of the reference too.", "" },
    MetricInfo { "memory/activations_gb", "Memory: activations", "GB", kDown, "The most that the step's updates took beside weights and gradients.", "" },
    MetricInfo { "memory/*", "Memory by owner", "GB", kDown, "What the rank holds for this purpose: optimizer, gradients, cache.", "" },
    MetricInfo { "diag/*", "Alarm", "", kDown, "A health rule: 1 while it is broken.", "" },
};

// Matches a pattern of any number of stars by trying every length for the first.
bool matchesFrom(std::string_view pattern, std::string_view name)
{
    const std::size_t star = pattern.find('*');
    if (star == std::string_view::npos)
        return pattern == name;
    if (!startsWith(name, pattern.substr(0, star)))
        return false;
    const std::string_view rest = pattern.substr(star + 1);
    for (std::size_t skip = star; skip <= name.size(); ++skip)
        if (matchesFrom(rest, name.substr(skip)))
            return true;
    return false;
}

} // namespace

std::span<const MetricInfo> metricCatalogue()
{
    return kCatalogue;
}

bool matchesPattern(std::string_view pattern, std::string_view name)
{
    return matchesFrom(pattern, name);
}

const MetricInfo* findMetric(std::string_view name)
{
    const auto exact = std::ranges::find(kCatalogue, name, &MetricInfo::name);
    if (exact != kCatalogue.end())
        return &*exact;
    const auto pattern = std::ranges::find_if(kCatalogue, [&](const MetricInfo& info) { return matchesPattern(info.name, name); });
    return pattern == kCatalogue.end() ? nullptr : &*pattern;
}

} // namespace midpoint::store
