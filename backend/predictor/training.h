// Offline: labels in, a trained predictor out, and how good it is on policies it never saw.
#pragma once

#include "backend/predictor/attention_predictor.h"
#include "backend/predictor/embedding_matrix.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace midpoint::predictor {

// What one policy solved: rows of the embedding matrix and measured success rates.
struct PolicyLabels {
    std::string policy;
    std::vector<std::int64_t> rows;
    std::vector<std::int64_t> successes;
    std::vector<std::int64_t> attempts;

    std::int64_t size() const { return static_cast<std::int64_t>(rows.size()); }
    double rate(std::size_t i) const { return static_cast<double>(successes[i]) / static_cast<double>(attempts[i]); }
};

// JSONL, one line per policy and prompt: {"policy": name, "prompt": id, "successes": s, "attempts": n}, as written by
// `midpoint eval --labels`. Several lines of one policy and prompt are added up. Throws Error{Data} with file and line.
std::vector<PolicyLabels> readLabels(std::span<const std::filesystem::path> files, const EmbeddingMatrix& embeddings);

struct TrainProgress {
    std::int64_t epoch = 0; // completed
    std::int64_t epochs = 0;
    double loss = 0.0; // mean soft cross-entropy of the epoch
    double heldOutPearson = 0.0; // NaN without held-out policies
};

struct TrainOptions {
    PredictorShape shape; // embeddingSize is taken from the embeddings
    std::int64_t epochs = 20;
    std::int64_t batch = 256;
    std::int64_t references = 256; // fewer if the labels do not suffice
    double learningRate = 1e-3; // Adam; linear warm-up over min(100, steps / 10), then linear decay to 0
    double dropout = 0.1;
    std::uint64_t seed = 1;
    std::int64_t patienceEpochs
        = 5; // stop when held-out policies have not improved for so long; the best epoch is kept
    std::function<void(const TrainProgress&)> progress;
    std::stop_token stop; // ends after the present batch and keeps the best so far
};

struct TrainReport {
    std::vector<double> epochLoss;
    std::vector<double> heldOutPearson; // per epoch; empty without held-out policies
    std::int64_t bestEpoch = 0; // 1-based; the last one without held-out policies
    std::int64_t labels = 0;
    std::int64_t steps = 0;
};

struct TrainResult {
    AttentionPredictor predictor;
    TrainReport report;
};

// Throws Error{Data} when there is too little to learn from.
TrainResult trainPredictor(const EmbeddingMatrix& embeddings, std::span<const PolicyLabels> train,
    std::span<const PolicyLabels> heldOut, const TrainOptions& options);

enum class PostHoc { None, Linear, Isotonic, Platt };
PostHoc postHocFromName(const std::string& name); // throws Error{Usage}

struct Spread {
    double mean = 0.0;
    double deviation = 0.0; // over seeds (and policies)
};
struct EvalOptions {
    std::int64_t references = 256;
    std::int64_t seeds = 5;
    PostHoc calibrator = PostHoc::Linear;
    std::uint64_t seed = 1;
};
struct EvalReport {
    std::string policy;
    Spread meanSquaredError, meanAbsoluteError, pearson, spearman, calibrationError;
    Spread noiseCeiling; // Pearson that a perfect predictor would reach against these labels
    Spread precision; // of the min(1024, n/2) predictions nearest 1/2: share with a rate in [1/8, 7/8]
    Spread randomPrecision; // the same share among all queries
    Spread precisionUpperBound; // reached by a perfect choice
    Spread baselineAbsoluteError; // of predicting the mean of the references for everybody
    Spread nearestAbsoluteError; // of predicting the label of the reference whose embedding is nearest (cosine)
    Spread nearestPearson;
};
// One report per policy.
std::vector<EvalReport> evaluatePredictor(const AttentionPredictor& predictor, const EmbeddingMatrix& embeddings,
    std::span<const PolicyLabels> labels, const EvalOptions& options);

// --- embedding a prompt set ---

struct EmbedItem {
    PromptId id = 0;
    std::vector<std::int32_t> tokens;
};
// Of the last hidden states of a prompt. The published predictor takes the mean; the last one, from which the model goes
// on, also tells what it is about to do.
enum class Pooling { Mean, MeanAndLast };
Pooling poolingFromName(const std::string& name); // mean, mean-last; throws Error{Usage}

struct EmbedOptions {
    std::filesystem::path out;
    Pooling pooling = Pooling::Mean;
    std::string modelHash; // part of the file's identity: an existing file of other hashes is an error, not continued
    std::string dataHash;
    std::int64_t maxTokens = 0; // that prompts were cut at, part of the identity as well; 0: none was
    std::int64_t batch = 64;
    std::int64_t saveEveryRows = 1024; // progress is kept in `out` + ".partial" and continued after an interruption
    std::function<void(std::int64_t done, std::int64_t total)> progress;
    std::stop_token stop; // keeps the partial file and throws Error{Cancelled}
};
// The backbone: token ids of a batch of prompts -> pooled hidden states [batch, d], float32.
using Backbone = std::function<torch::Tensor(std::span<const std::vector<std::int32_t>>)>;
EmbeddingMatrix embedPrompts(std::span<const EmbedItem> items, const Backbone& backbone, const EmbedOptions& options);

} // namespace midpoint::predictor
