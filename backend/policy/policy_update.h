// One training step's policy update: rows into mini-batches (one optimizer update each), mini-batches into micro-batches of
// packed tokens, gradients normalised by the counts of the whole mini-batch, clipping, AdamW.
#pragma once

#include "backend/config/run_config.h"
#include "backend/model/model.h"
#include "backend/policy/adamw.h"
#include "backend/policy/gradient_buckets.h"
#include "backend/policy/memory_budget.h"
#include "backend/policy/minibatches.h"
#include "backend/policy/policy_loss.h"
#include "backend/policy/rank_group.h"
#include "backend/policy/train_rows.h"

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace midpoint::policy {

struct UpdateSettings {
    config::PolicySection policy;
    config::OptimizerSection optimizer;
    config::BatchSection batch;
    double temperature = 1.0;       // of the rollouts, and so of every log-prob
    double weightCap = 0.0;         // replay.weight_cap
    std::int64_t maxNewTokens = 1;  // horizon of seq-mean-token-sum-norm
    std::int64_t steps = 1;         // of the run, for the schedule
};

UpdateSettings updateSettings(const config::RunConfig& config);

// |trainer - recorded| log-probs of fresh rows, measured in forward passes under the weights that made them.
struct LogprobDifference {
    double mean = 0.0;
    double maximum = 0.0;
    std::int64_t tokens = 0;
};

// An update that was not applied because a number was not finite. The weights are untouched.
struct SkippedUpdate {
    std::int64_t update = 0; // index in the step
    std::string reason;      // what was not finite and where, e.g. the first parameter with a bad gradient
    double loss = 0.0;
    double gradientNorm = 0.0;
    std::vector<std::int64_t> groups; // ids of its groups
};

struct UpdateReport {
    std::int64_t updates = 0;        // applied
    std::int64_t microbatches = 0;
    std::vector<SkippedUpdate> skipped;
    double loss = 0.0;               // mean over updates
    double gradientNorm = 0.0;       // mean over updates, before clipping
    double maxGradientNorm = 0.0;
    double learningRate = 0.0;
    double clipShare = 0.0;          // of tokens
    double clipShareFresh = 0.0, clipShareReplayed = 0.0;
    double kl = 0.0;                 // mean k3 to the reference per token; 0 without reference
    double klToBehaviour = 0.0;      // mean k3 to the behaviour policy per token
    std::optional<double> entropy;   // mean per token, if it was computed
    double ratioMean = 1.0, ratioMax = 1.0;       // pi_theta / pi_old
    double weightMean = 1.0, weightMax = 1.0;     // pi_old / pi_behaviour of replayed tokens
    double effectiveSampleShare = 1.0;            // of those weights
    LogprobDifference difference;    // fresh rows of the first update, before the weights change
    bool isBehaviourRecomputed = false; // the difference was above policy.max_logprob_difference: the trainer's own log-probs
                                        // took the place of the recorded ones for every fresh row of the step
    std::int64_t trainedTokens = 0;  // response tokens that went through forward and backward
    std::int64_t packedTokens = 0;   // all tokens that did, prompts once per group and micro-batch
    std::int64_t trainedRows = 0, trainedGroups = 0;
    std::int64_t droppedGroups = 0;  // without signal, never computed
    std::int64_t carriedRows = 0;    // wait for the next step
    std::vector<MemorySplit> memorySplits; // micro-batches became smaller because memory had run out
    std::int64_t activationBytes = 0; // the most that tensors took beside weights and gradients
};

// With several ranks each has one, with the same settings; they are given the same groups in the same order, and each computes
// its share of every mini-batch.
class PolicyUpdate {
public:
    // `reference` is the frozen policy of the KL term; needed only with a KL coefficient above 0. `ranks` null: one alone.
    PolicyUpdate(model::Model& model, const UpdateSettings& settings, model::Model* reference = nullptr,
        RankGroup* ranks = nullptr);

    // Trains on the groups (and on rows carried over from earlier steps). `step` counts from 0. A stop is obeyed until the
    // first update (Error{Cancelled}, nothing changed); after it the step is finished.
    UpdateReport step(std::vector<TrainGroup> groups, std::int64_t step, std::stop_token stop = {});

    // [group][row][token]
    using Logprobs = std::vector<std::vector<std::vector<float>>>;
    // Log-probs of every row under the present weights, without gradient. Each rank computes a share, every rank gets all.
    Logprobs computeLogprobs(std::span<const TrainGroup> groups) const;
    // The same, written into oldLogprobs of every row of the groups.
    void fillOldLogprobs(std::span<TrainGroup> groups) const;

    // The largest forward and backward pass that this run can come to, with made-up rows of the longest prompt and response: fails
    // now, or makes micro-batches smaller now, what would otherwise happen after hours. Weights and optimizer stay as they are.
    UpdateReport tryLargest(std::int64_t promptTokens, std::int64_t responseTokens);

    // Settings changed while the run trains: learning rate, number of steps.
    void setSettings(const UpdateSettings& settings) { m_settings = settings; }

    RankGroup& ranks() const { return m_ranks; }
    AdamW& optimizer() { return m_optimizer; }
    const AdamW& optimizer() const { return m_optimizer; }
    // Rows that wait for enough company; part of a checkpoint.
    const std::vector<TrainGroup>& carried() const { return m_carried; }
    void setCarried(std::vector<TrainGroup> groups) { m_carried = std::move(groups); }

private:
    struct Accumulated;
    struct MiniBatch;

    std::vector<MiniBatch> takeShares(std::vector<std::vector<TrainGroup>> miniBatches) const;
    void prepareOlderRows(std::vector<MiniBatch>& miniBatches) const;
    Accumulated accumulate(const MiniBatch& miniBatch, const std::stop_token& stop);
    enum class Sending { No, WithLastPass };
    Accumulated accumulateOwn(
        const MiniBatch& miniBatch, std::int64_t tokensPerMicrobatch, Sending sending, const std::stop_token& stop);
    void runMicroBatch(const MicroBatch& microBatch, const LossNormaliser& normaliser, bool isLast, Accumulated& sums);
    static void addDifference(const LossRow& row, Accumulated& sums);
    bool measureDifference(const Accumulated& sums, UpdateReport& report) const;
    void recomputeBehaviour(std::vector<MiniBatch>& miniBatches) const;
    void apply(std::int64_t update, const MiniBatch& miniBatch, Accumulated& sums, UpdateReport& report);
    std::string whatIsNotFinite(double loss) const;
    void gatherWeights();
    void addOverRanks(Accumulated& total, UpdateReport& report) const;
    static void addTo(Accumulated& total, const Accumulated& sums);
    static void finishReport(const Accumulated& total, UpdateReport& report);
    void reportMemory(const Accumulated& total, UpdateReport& report) const;
    Logprobs logprobsUnder(const model::Model& model, std::span<const TrainGroup> groups) const;
    Logprobs logprobsUnder(const model::Model& model, std::span<const TrainGroup> groups, std::int64_t tokensPerMicrobatch) const;

    model::Model& m_model;
    UpdateSettings m_settings;
    model::Model* m_reference;
    SoloRank m_alone;
    RankGroup& m_ranks;
    GradientBuckets m_buckets;
    AdamW m_optimizer;
    mutable MemoryBudget m_memory; // of the machine, no part of the algorithm
    std::vector<TrainGroup> m_carried;
};

} // namespace midpoint::policy
