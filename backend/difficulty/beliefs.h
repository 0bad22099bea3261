// The beliefs that need no network.
#pragma once

#include "backend/difficulty/belief.h"
#include "backend/difficulty/features.h"

#include <memory>
#include <optional>

namespace midpoint::difficulty {

// A beta distribution per prompt. Every measurement of a prompt first pulls what was known about it towards the prior:
// a' = discount a + (1 - discount) a0 + successes, and b likewise (MoPPS: Qu et al., arXiv 2507.04632).
struct PosteriorOptions {
    double priorSuccesses = 1.0;
    double priorFailures = 1.0;
    double discount = 0.5;
};
std::unique_ptr<Belief> makePosteriorBelief(const PosteriorOptions& options, const PromptPool& pool);

// The success rate of the last group; 1/2 for prompts never measured.
std::unique_ptr<Belief> makeLastSeenBelief(const PromptPool& pool);

// What fresh rollouts of this round say (Purpose::Oracle in the ledger); all other prompts count as hopeless, so that
// they are chosen last. An upper bound for experiments: what selection could gain if beliefs were almost perfect.
std::unique_ptr<Belief> makeOracleBelief(const PromptPool& pool);

// The last group of each prompt, its outcomes reweighted by how much likelier the present policy makes each response,
// where that was computed for replay: self-normalised, log-weights cut at +-weightLimit, the plain mean if fewer than
// two samples are effective (DARE).
struct SnisOptions {
    double weightLimit = 4.0;
    double fewestEffectiveSamples = 2.0;
};
std::unique_ptr<Belief> makeSnisBelief(const SnisOptions& options, const PromptPool& pool);

// Self-normalised importance estimate of one group; empty if fewer than `fewestEffective` samples carry the weight.
struct ImportanceEstimate {
    double successRate = 0.0;
    double effectiveSamples = 0.0; // (sum w)^2 / sum w^2
};
std::optional<ImportanceEstimate> importanceEstimate(const ReplayedEvidence& evidence, const SnisOptions& options);

// Everything together: logistic heads on the prompt's embedding, fitted every round to the run's own groups, with a trend
// that moves all prompts as the policy improves; discounted counts of the prompt itself; importance-corrected counts where
// log-probs are at hand; a head of its own for the signal p (1 - p); and one for the length of responses. A trained
// predictor can be the prior that the heads correct; without one it starts cold, and without embeddings from the mean of
// all prompts. Every part can be switched off.
struct MidpointOptions {
    bool useEmbeddings = true;
    bool useCounts = true;
    bool useImportance = true;
    bool useDrift = true;
    bool useSignalHead = true;
    bool useLength = true;
    std::int64_t longestResponse = 1024; // tokens; lengths are estimated as shares of it
    std::int64_t historyGroups = 768; // that the heads are fitted to
    double historyDecay = 0.95; // weight of a group in that fit per step of its age
    double countDecay = 0.9; // weight of a prompt's own counts per step of their age
    double penalty = 1.0; // of the heads' squared coefficients
    double featureLength = 2.8284271247461903; // root mean square length of a standardised embedding: sqrt(8)
};
// From the names of selection.midpoint_parts: embeddings, counts, importance, drift, signal, length. Throws Error{Config}.
MidpointOptions midpointOptions(std::span<const std::string> parts);
// `embeddings` without columns: none. `prior` may be null.
std::unique_ptr<Belief> makeMidpointBelief(const MidpointOptions& options, const PromptPool& pool,
    const EmbeddingRows& embeddings, std::unique_ptr<Belief> prior = nullptr);
// The same from memory: [pool size, dimension], row by row in the order of the pool.
std::unique_ptr<Belief> makeMidpointBelief(const MidpointOptions& options, const PromptPool& pool,
    std::span<const float> embeddings, std::int64_t dimension, std::unique_ptr<Belief> prior = nullptr);

} // namespace midpoint::difficulty
