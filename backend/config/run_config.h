// Every setting of a run, as plain data. Names, ranges, units, help and aliases stand in the schema table (schema.h), which
// reads and writes these fields; this file is what the rest of the program sees. The field run.seed is the key "run.seed".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace midpoint::config {

struct RunSection {
    std::string name;                      // folder name under runs/; empty: derived from the configuration's file name
    std::int64_t seed = 1;
    std::int64_t steps = 60;
    std::int64_t threads = 0;              // 0: all cores
    std::vector<std::string> devices = { "cpu" }; // "cpu" or "cuda:0", one per rank
    std::string dtype = "float32";         // compute type: float32 | bfloat16 | float16; master weights are always float32
    double livenessSeconds = 10.0;         // a rank without a sign of life for so long is lost
    double rendezvousSeconds = 60.0;       // for all ranks to meet at the start
    double collectiveSeconds = 1800.0;     // for one operation of all ranks
    std::string tryWorstCase = "auto";     // auto: on GPUs | yes | no
};

struct ModelSection {
    std::string path;                      // Hugging Face folder
    bool activationCheckpointing = false;
};

struct DataSection {
    std::vector<std::string> trainFiles;   // .jsonl or .parquet
    std::vector<std::string> valFiles;
    std::string promptTemplate = "auto";   // auto | plain | qwen-math | chatml | llama3 | own
    std::string ownTemplate;               // with {question} (and {system}); for template "own"
    std::string systemPrompt;              // empty: the template's own
    std::string questionColumn;            // empty: recognised
    std::string answerColumn;              // empty: recognised
    std::int64_t maxPromptTokens = 1024;
    bool allowDatasetChange = false;       // resume on other data than the checkpoint's
};

struct BatchSection {
    std::int64_t promptsPerStep = 32;      // fresh + replayed groups of one step
    std::int64_t promptsPerUpdate = 8;     // groups per optimizer update; used when rowsPerUpdate is 0
    std::int64_t rowsPerUpdate = 0;        // > 0: updates are counted in rows with signal
    std::int64_t minRowsPerUpdate = 0;     // fewer rows with signal are carried over to the next update
    std::int64_t tokensPerMicrobatch = 16384;
};

struct RolloutSection {
    std::int64_t samplesPerPrompt = 8;     // G
    std::int64_t minSamples = 2;           // with maxSamples: bounds of a targeted prompt's group
    std::int64_t maxSamples = 0;           // 0: all groups have samplesPerPrompt
    std::int64_t maxNewTokens = 1024;
    std::int64_t screenSamples = 0;        // m of G: groups whose first m rewards are all equal are given up; 0: off
    double temperature = 1.0;
    std::int64_t topK = 0;                 // 0: off
    double topP = 1.0;
    std::int64_t maxSequences = 256;       // sequences decoded at once
    std::int64_t kvCacheMegabytes = 2048;  // budget of the key-value cache; 0: what is left of memory
    std::int64_t kvBlockTokens = 16;
    bool cudaGraphs = true;                // on GPUs: steps of decoding are recorded as graphs
};

struct SelectionSection {
    std::string strategy = "uniform";      // uniform | dynamic-sampling | dots | dots-released | mopps | midpoint
    std::string belief = "predictor";      // predictor | posterior | snis | last_seen | midpoint | oracle
    double target = 0.5;                   // alpha: target success rate
    double temperature = 1e-3;             // tau of exp(-|p - target| / tau)
    std::int64_t intervalSteps = 2;        // mu: steps per selection round
    std::int64_t referencePrompts = 256;   // K; 0: the training rollouts serve as references
    bool reuseReference = false;           // train on reference rollouts
    std::string calibration = "platt";     // none | linear | linear-unclamped (as released) | platt
    double explorationShare = 0.0;         // share of the fresh batch chosen uniformly
    double sharpness = 4.0;                // strategy midpoint: chance ~ (signal / price^thrift)^sharpness
    double thrift = 1.0;                   // the same; 0: signal alone counts
    std::int64_t clusters = 0;             // strategy midpoint: kinds of prompts, each with at most twice its share of a batch; 0: no quota
    std::int64_t generationPrompts = 0;    // dynamic-sampling: prompts of one round of generation; 0: those of a step
    std::int64_t maxRounds = 10;           // dynamic-sampling: rounds of generation in a step at most
    std::int64_t oraclePrompts = 256;      // belief oracle: prompts measured in each selection round; 0: all
    std::int64_t oracleSamples = 8;        // belief oracle: fresh rollouts of each of them
    std::vector<std::string> midpointParts = { "embeddings", "counts", "importance", "drift", "signal", "length" }; // of belief midpoint
    std::string predictorPath;             // safetensors of `midpoint predictor train`
    std::string embeddingsPath;            // safetensors of `midpoint predictor embed`; empty: computed and cached in the run folder
};

struct ReplaySection {
    bool enabled = false;
    double freshFraction = 0.5;            // sigma (delta in the paper)
    std::int64_t capacity = 512;           // groups
    double weightCap = 0.0;                // cap of pi_old / pi_behaviour; 0: none
    std::int64_t maxAgeSteps = 0;          // 0: no limit
    bool positiveOnly = false;             // replay only rows with positive advantage
    std::string priority = "uniform";      // which stored groups are replayed: uniform | signal
    double freshnessDecay = 1.0;           // weight of a stored group per step of its age, in the draw
    double minEffectiveShare = 0.0;        // groups whose importance weights keep a smaller share of their rows are dropped; 0: none
    bool adaptiveFresh = false;            // replay only as far as it is cheaper than fresh rollouts of the same worth
    double costRatio = 0.0;                // time of training a token / of generating one; 0: measured in the first steps
    double relativeValue = 0.5;            // worth of a replayed group in fresh ones, before its weights are counted
    std::string rule = "paper";            // paper: admit groups with signal, evict the oldest | released: the released code's order of operations
};

struct RewardSection {
    std::string kind = "math";             // math | exact | numeric | choice | regex | external
    std::string pattern;                   // regex, or the marker before the answer for kind "exact" ("#" in the demo)
    std::vector<std::string> extraction = { "boxed", "hashes", "answer-phrase", "dollars", "last-number" }; // steps, any subset
    double tolerance = 1e-6;               // numeric
    std::vector<std::string> externalCommand;
    double deadlineSeconds = 10.0;
    double startSeconds = 10.0;            // more for the first sample of a grading process, which loads its libraries
    std::int64_t workers = 2;
    std::int64_t workerMemoryMegabytes = 1024;
    double overlongPenalty = 0.0;          // DAPO overlong shaping: reward lost at the length limit; 0: off
    std::int64_t overlongBufferTokens = 0; // length of the linear ramp before the limit
    double formatWeight = 0.0;             // reward for an answer in the expected form
};

struct PolicySection {
    std::string advantage = "grpo";        // grpo | dr_grpo | rloo
    std::string loss = "decoupled";        // decoupled | behaviour_ratio | gspo
    std::string aggregation = "token-mean"; // token-mean | seq-mean-token-mean | seq-mean-token-sum-norm
    double clipLow = 0.2;
    double clipHigh = 0.2;
    double klCoefficient = 0.0;
    double entropyCoefficient = 0.0;
    bool dropGroupsWithoutSignal = false;
    bool logEntropy = true;                // measure entropy where the log-probs are computed anyway
    double maxLogprobDifference = 2e-3;    // mean |trainer - rollout| above which behaviour log-probs are recomputed
};

struct OptimizerSection {
    double learningRate = 1e-6;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;
    double weightDecay = 0.0;
    double gradientClip = 1.0;             // global norm; 0: off
    std::string schedule = "constant";     // constant | linear | cosine
    std::int64_t warmupSteps = 0;          // training steps
    double minLearningRateRatio = 0.0;     // end of linear and cosine, as a share of the learning rate
};

struct EvalSection {
    std::int64_t everySteps = 10;          // 0: never
    bool atStart = true;
    std::int64_t samplesPerPrompt = 1;
    std::int64_t maxPrompts = 0;           // 0: all
    double temperature = 1.0;              // 0: greedy
    double topP = 1.0;
};

struct CheckpointSection {
    std::int64_t everySteps = 20;          // 0: only at the end
    std::int64_t keep = 2;                 // complete checkpoints kept
};

struct StoreSection {
    std::int64_t rolloutsPerStep = 64;     // rollouts stored with text per step (whole groups); 0: none, -1: all
    std::int64_t rolloutEverySteps = 1;
    std::int64_t maxRolloutMegabytes = 2000;
};

struct HealthSection {
    double truncationShare = 0.5;          // event above this share of responses cut at their limit
    double entropyFloor = 0.01;            // nats; event below
    double staleAgeSteps = 10.0;           // mean age of replayed groups; event above
    double minEffectiveSampleShare = 0.3;  // effective sample size of replay weights; event below
};

struct RunConfig {
    RunSection run;
    ModelSection model;
    DataSection data;
    BatchSection batch;
    RolloutSection rollout;
    SelectionSection selection;
    ReplaySection replay;
    RewardSection reward;
    PolicySection policy;
    OptimizerSection optimizer;
    EvalSection eval;
    CheckpointSection checkpoint;
    StoreSection store;
    HealthSection health;
};

} // namespace midpoint::config
