// What a belief and a strategy would have done, without a model: true success rates of every prompt at every step come
// from a recorded run, a file, or a generator whose settings fit no belief's assumptions; rollouts are draws from them.
#pragma once

#include "backend/difficulty/selector.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace midpoint::difficulty {

class Truth {
public:
    virtual ~Truth() = default;
    virtual std::int64_t steps() const = 0;
    virtual const PromptPool& pool() const = 0;
    // By position in the pool.
    virtual void ratesAt(std::int64_t step, std::span<double> out) const = 0;
};

// CSV with the header "step,prompt,success_rate". A prompt keeps its rate until the next step that names it; every
// prompt must stand in the first step. Throws Error{Data} with the line.
std::unique_ptr<Truth> readTruth(const std::filesystem::path& path);

// Some measurements of prompts, as a run's ledger holds them.
struct Measurement {
    std::int64_t step = 0;
    PromptId prompt = 0;
    std::int64_t attempts = 0;
    std::int64_t successes = 0;
};
// The truth of a recorded run: prompts measured at least `fewest` times, each with the rate of its measurements nearby in
// time (weights halve every `halfLife` steps). As good as the run was dense; throws Error{Data} if no prompt is left.
std::unique_ptr<Truth> truthFromMeasurements(
    std::span<const Measurement> measurements, std::int64_t fewest, double halfLife);

enum class World {
    ItemResponse, // success = sigmoid(ability - difficulty); ability rises steadily
    Clusters, // every cluster of prompts improves at its own pace, some not at all
    Forgetting, // as ItemResponse, and clusters in turn lose what was learned
    Jumps, // a prompt stays unsolved until its day comes, then is solved at once
};
World worldFromName(std::string_view name); // item-response, clusters, forgetting, jumps; throws Error{Usage}

struct WorldOptions {
    World world = World::ItemResponse;
    std::int64_t prompts = 10000;
    std::int64_t steps = 60;
    std::int64_t dimension = 64; // of the embeddings
    double information = 0.6; // share of the variance of difficulty that the embedding explains linearly
    double meanDifficulty = 1.0; // logit
    double difficultyDeviation = 2.5;
    double gain = 3.0; // logit gained over all steps
    std::uint64_t seed = 1;
};
struct SyntheticWorld {
    std::unique_ptr<Truth> truth;
    std::vector<float> embeddings; // [prompts, dimension]
};
SyntheticWorld makeWorld(const WorldOptions& options);

struct SimulationOptions {
    std::int64_t promptsPerStep = 16;
    std::int64_t samplesPerPrompt = 8;
    std::uint64_t seed = 1;
};
struct SimulatedRound {
    std::int64_t step = 0;
    std::optional<double> pearson; // belief against truth, whole pool
    std::optional<double> meanAbsoluteError;
    double bias = 0.0;
    std::int64_t chosen = 0; // training groups of the round
    double effectiveRatio = 0.0; // expected share of them with signal, 1 - p^G - (1 - p)^G
    double signal = 0.0; // their mean p (1 - p)
    double poolEffectiveRatio = 0.0; // of a uniform choice
    double bestEffectiveRatio = 0.0; // of the best choice of as many prompts
    std::int64_t rolloutsSoFar = 0; // references included
};
// Runs the selector for all steps of the truth. The selector must be new.
std::vector<SimulatedRound> simulate(
    const Truth& truth, Selector& selector, std::int64_t intervalSteps, const SimulationOptions& options);

} // namespace midpoint::difficulty
