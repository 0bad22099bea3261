// The border between the program and libmidpoint_engine: everything that needs LibTorch is behind this interface. The
// program opens the module with dlopen when a command needs it and asks for the one function below. No LibTorch here.
//
// Every function throws midpoint::Error; results that a command prints come back as plain structs or JSON text.
#pragma once

#include "backend/config/run_config.h"
#include "backend/core/log.h"
#include "backend/launch/rank_environment.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace midpoint::engine {

// What a long command tells while it works; the command draws a bar on a terminal or prints plain lines elsewhere.
struct Progress {
    std::int64_t done = 0;
    std::int64_t total = 0;
    std::string text; // e.g. "reward 0.41  held-out 0.53  without signal 22 %  812 tokens/s"
};
using ProgressFunction = std::function<void(const Progress&)>;

// What each command shares: where to log, how to stop, how to show progress.
struct Session {
    LogSink& log;
    std::stop_token stop;      // set once: end cleanly, with a checkpoint where there is one
    ProgressFunction progress; // may be empty
};

// One rank of a run. The supervisor has made the run folder, holds its lock and has written resolved.toml.
struct RankOptions {
    std::filesystem::path runFolder;
    config::RunConfig config;
    std::string resolvedToml;        // stored in the run and in checkpoints
    std::string resume = "auto";     // auto | never | a checkpoint folder
    launch::RankEnvironment place;   // rank, world size, how the others are reached
};
struct RankResult {
    std::int64_t lastStep = 0;
    std::string reason; // "finished" | "stopped"
};

struct EvalOptions {
    std::filesystem::path checkpoint;
    std::vector<std::string> dataFiles;
    config::RunConfig config;        // template, grader and rollout settings; taken from the checkpoint's run where it has them
    std::int64_t samples = 1;
    std::int64_t maxPrompts = 0;
    std::int64_t step = 0;           // key of the draws; a checkpoint's own step reproduces the value logged in training
    std::filesystem::path labelsOut; // JSONL for `predictor train`; empty: none
    std::string policyName;          // name in the labels
};

struct GenerateOptions {
    std::filesystem::path checkpoint;
    std::vector<std::string> prompts;   // question texts
    std::vector<std::string> dataFiles; // or prompt sets
    config::RunConfig config;
    std::int64_t samples = 1;
    std::int64_t maxPrompts = 0;
};
struct Generated {
    std::string prompt;
    std::string text;
    std::string finish;
    std::int64_t tokens = 0;
    double logprob = 0.0; // sum over the response
};

struct WarmupOptions {
    std::filesystem::path configFile; // see warmup.h for its keys
    std::vector<std::string> overrides;
    std::filesystem::path outFolder;  // empty: as the configuration says
};

struct ExportOptions {
    std::filesystem::path source;     // checkpoint or run folder (its newest complete checkpoint)
    std::filesystem::path outFolder;
    std::string dtype;                // empty: as stored
};

struct DecodeBenchOptions {
    std::filesystem::path model;      // empty: random weights of a shape
    std::int64_t sequences = 64;
    std::int64_t newTokens = 46;
    std::int64_t promptTokens = 16;
    std::int64_t threads = 2;
    std::int64_t repeats = 3;
    std::string dtype = "float32";
    std::string device = "cpu";
    std::string shape = "demo";       // of random weights
    bool usesGraphs = true;           // on a GPU
};
struct StepBenchOptions {
    std::filesystem::path model;
    std::int64_t prompts = 16;
    std::int64_t samplesPerPrompt = 8;
    std::int64_t promptTokens = 24;
    std::int64_t newTokens = 46;
    std::int64_t microbatchTokens = 16384;
    std::int64_t threads = 2;
    std::int64_t repeats = 5;
    std::string dtype = "float32";
    std::string device = "cpu";
    std::string shape = "demo";
};
struct SelectBenchOptions {
    std::int64_t prompts = 10240;
    std::int64_t references = 256;
    std::int64_t embeddingSize = 1536;
    std::int64_t hiddenSize = 896;
    std::int64_t threads = 2;
    std::int64_t repeats = 5;
    std::string belief = "predictor"; // or "midpoint": the embeddings alone, references are groups of its history
};

struct EmbedOptions {
    std::filesystem::path model;          // frozen Hugging Face backbone
    std::vector<std::string> dataFiles;
    std::filesystem::path out;            // safetensors
    std::string promptTemplate = "plain"; // the bare question, as published
    std::int64_t maxTokens = 1024;
    std::int64_t threads = 0;
    std::string dtype = "float32";
    std::string device = "cpu";
    std::string pooling = "mean";         // mean: as published; mean-last: with the last token's state beside it
};
struct PredictorTrainOptions {
    std::filesystem::path embeddings;
    std::vector<std::filesystem::path> labels; // of `midpoint eval --labels`, or runs
    std::int64_t stepsPerPolicy = 8;           // of a run
    std::filesystem::path out;
    std::vector<std::string> heldOutPolicies;  // or runs; for early stopping; empty: none
    std::int64_t epochs = 20;
    std::int64_t batch = 256;
    std::int64_t references = 256;
    std::int64_t hiddenSize = 896;
    double learningRate = 1e-3;
    std::uint64_t seed = 1;
    std::int64_t threads = 0;
};
struct PredictorEvalOptions {
    std::filesystem::path embeddings;
    std::filesystem::path predictor;
    std::vector<std::filesystem::path> labels; // of `midpoint eval --labels`, or runs
    std::int64_t stepsPerPolicy = 8;           // of a run
    std::int64_t references = 256;
    std::int64_t seeds = 5;
    std::string calibrator = "linear"; // none | linear | isotonic | platt
    std::int64_t threads = 0;
};

class EngineApi {
public:
    virtual ~EngineApi() = default;
    virtual RankResult runRank(const RankOptions& options, Session& session) = 0;
    virtual std::string evaluate(const EvalOptions& options, Session& session) = 0;     // JSON: mean@N, pass@N, maj@N with intervals
    virtual std::vector<Generated> generate(const GenerateOptions& options, Session& session) = 0;
    virtual std::string warmup(const WarmupOptions& options, Session& session) = 0;     // JSON summary
    virtual void exportModel(const ExportOptions& options, Session& session) = 0;
    virtual std::string benchDecode(const DecodeBenchOptions& options, Session& session) = 0; // JSON
    virtual std::string benchStep(const StepBenchOptions& options, Session& session) = 0;     // JSON
    virtual std::string benchSelect(const SelectBenchOptions& options, Session& session) = 0; // JSON
    virtual std::string predictorEmbed(const EmbedOptions& options, Session& session) = 0;    // JSON summary
    virtual std::string predictorTrain(const PredictorTrainOptions& options, Session& session) = 0;
    virtual std::string predictorEval(const PredictorEvalOptions& options, Session& session) = 0;
    virtual void checkModelFiles(const std::filesystem::path& folder) = 0; // config.json, weights' headers and tokenizer fit each other
    virtual std::string describeDevices() = 0; // JSON: LibTorch's version, instruction set, devices, threads
    virtual std::string checkAllReduce(const std::vector<std::string>& devices) = 0; // JSON; two devices or more, of one kind
};

} // namespace midpoint::engine

// Exported by libmidpoint_engine; the object lives as long as the module.
extern "C" midpoint::engine::EngineApi* midpoint_engine_api();
