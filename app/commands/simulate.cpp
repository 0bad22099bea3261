// midpoint simulate: what a strategy and a belief would have picked, and how good the picks would have been. Needs no model.
#include "app/commands.h"
#include "app/fresh_measurements.h"
#include "app/prompt_embeddings.h"
#include "app/run_paths.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/difficulty/beliefs.h"
#include "backend/difficulty/simulation.h"
#include "backend/store/run_reader.h"

#include <iostream>
#include <nlohmann/json.hpp>

namespace midpoint::app {
namespace {

using nlohmann::json;

struct SimulateOptions {
    std::string run;
    std::string truth;
    std::string world;
    std::string embeddings;
    Words fresh;
    std::int64_t fewestMeasurements = 3;
    double halfLifeSteps = 4.0;
    difficulty::WorldOptions synthetic;
    config::SelectionSection selection;
    difficulty::SimulationOptions simulation;
    std::uint64_t seed = 1;
    bool asJson = false;
};

// True rates by prompt and step, and the prompts' embeddings where there are any.
struct SimulatedWorld {
    std::unique_ptr<difficulty::Truth> truth;
    PromptEmbeddings embeddings;
};

std::unique_ptr<difficulty::Truth> recordedTruth(const SimulateOptions& options)
{
    const store::RunReader reader(options.run);
    std::vector<PromptId> ids;
    for (const store::PromptRecord& prompt : reader.prompts())
        ids.push_back(prompt.id);
    std::vector<difficulty::Measurement> measurements;
    for (const store::Observation& row : reader.observations(1, reader.progress().lastStep.value_or(0)))
        measurements.push_back({ row.step - 1, ids.at(static_cast<std::size_t>(row.promptIndex)), row.attempts, row.successes });
    return difficulty::truthFromMeasurements(measurements, options.fewestMeasurements, options.halfLifeSteps);
}

// Those that are given, or those that the run made for itself.
std::filesystem::path embeddingFile(const SimulateOptions& options)
{
    if (!options.embeddings.empty()) {
        requireExisting("--embeddings", options.embeddings);
        return options.embeddings;
    }
    if (options.run.empty())
        return {};
    const std::filesystem::path run = options.run;
    const std::filesystem::path own = (std::filesystem::is_directory(run) ? run : run.parent_path()) / "embeddings.safetensors";
    return std::filesystem::exists(own) ? own : std::filesystem::path();
}

SimulatedWorld worldOf(SimulateOptions& options)
{
    const int given = (options.run.empty() ? 0 : 1) + (options.truth.empty() ? 0 : 1) + (options.world.empty() ? 0 : 1);
    if (given != 1)
        throw Error(ErrorKind::Usage, concat("expected one of RUN, --truth FILE and --world NAME, found ", given, " of them"));
    if (!options.world.empty()) {
        if (!options.embeddings.empty())
            throw Error(ErrorKind::Usage, "--embeddings: expected with RUN or --truth; a made-up world has embeddings of its own");
        options.synthetic.world = difficulty::worldFromName(options.world);
        options.synthetic.seed = options.seed;
        difficulty::SyntheticWorld made = difficulty::makeWorld(options.synthetic);
        return { std::move(made.truth), { std::move(made.embeddings), options.synthetic.dimension } };
    }
    SimulatedWorld world;
    if (!options.truth.empty()) {
        requireExisting("--truth", options.truth);
        world.truth = difficulty::readTruth(options.truth);
    } else {
        requireExisting("RUN", options.run);
        world.truth = recordedTruth(options);
    }
    if (const std::filesystem::path file = embeddingFile(options); !file.empty() && options.selection.belief == "midpoint")
        world.embeddings = readPromptEmbeddings(file, world.truth->pool().ids());
    return world;
}

std::unique_ptr<difficulty::Belief> makeBelief(const SimulateOptions& options, const SimulatedWorld& world)
{
    const std::string& name = options.selection.belief;
    const difficulty::PromptPool& pool = world.truth->pool();
    if (name == "posterior")
        return difficulty::makePosteriorBelief({}, pool);
    if (name == "last_seen")
        return difficulty::makeLastSeenBelief(pool);
    if (name == "oracle")
        return difficulty::makeOracleBelief(pool);
    return difficulty::makeMidpointBelief(
        difficulty::midpointOptions(options.selection.midpointParts), pool, world.embeddings.values, world.embeddings.dimension);
}

json toJson(const difficulty::SimulatedRound& round)
{
    const auto number = [](const std::optional<double>& value) { return value ? json(*value) : json(); };
    return { { "step", round.step }, { "pearson", number(round.pearson) }, { "mae", number(round.meanAbsoluteError) },
        { "bias", round.bias }, { "chosen", round.chosen }, { "effective_ratio", round.effectiveRatio }, { "signal", round.signal },
        { "pool_effective_ratio", round.poolEffectiveRatio }, { "best_effective_ratio", round.bestEffectiveRatio },
        { "rollouts", round.rolloutsSoFar } };
}

std::string tableOf(const std::vector<difficulty::SimulatedRound>& rounds)
{
    const auto number = [](const std::optional<double>& value) { return value ? fixed(*value, 3) : std::string("-"); };
    std::string text = "| step | Pearson | MAE | bias | with signal | of a uniform choice | at best | p (1 - p) | rollouts so far |\n"
                       "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for (const difficulty::SimulatedRound& round : rounds)
        text += concat("| ", round.step, " | ", number(round.pearson), " | ", number(round.meanAbsoluteError), " | ",
            fixed(round.bias, 3), " | ", fixed(round.effectiveRatio, 3), " | ", fixed(round.poolEffectiveRatio, 3), " | ",
            fixed(round.bestEffectiveRatio, 3), " | ", fixed(round.signal, 3), " | ", formatCount(static_cast<double>(round.rolloutsSoFar)),
            " |\n");
    return text;
}

void addOptions(CommandLine& line, SimulateOptions& options)
{
    const auto count = CLI::Range(std::int64_t { 1 }, std::int64_t { 10'000'000 });
    line.options().add_option("RUN", options.run, "Run folder or database; its rollouts are the truth, for prompts measured often");
    line.options().add_option("--truth", options.truth,
        "CSV with the header step,prompt,success_rate. A prompt keeps its rate until the next step that names it; all stand in the first");
    line.options().add_option("--embeddings", options.embeddings,
        "RUN, --truth: embeddings of `midpoint predictor embed` for belief midpoint (otherwise those that RUN made for itself, or none)");
    line.add("--fresh", options.fresh,
        "STEP=FILE, labels of `midpoint eval --labels` of the checkpoint after that step: instead of simulating, how far the beliefs "
        "about RUN's prompts were off then");
    line.options().add_option("--world", options.world, "Made-up truth: item-response, clusters, forgetting or jumps");
    line.add("--strategy", options.selection.strategy, "As selection.strategy")
        ->check(CLI::IsMember({ "uniform", "dots", "mopps", "midpoint" }));
    line.add("--belief", options.selection.belief, "As selection.belief")
        ->check(CLI::IsMember({ "posterior", "last_seen", "midpoint", "oracle" }));
    line.add("--interval", options.selection.intervalSteps, "Steps of a selection round")->check(count);
    line.add("--exploration", options.selection.explorationShare, "Share of the prompts chosen uniformly")->check(CLI::Range(0.0, 1.0));
    line.add("--oracle-prompts", options.selection.oraclePrompts, "Belief oracle: prompts measured in a round, 0: all");
    line.add("--parts", options.selection.midpointParts, "Belief midpoint: its parts in use")->delimiter(',');
    line.add("--prompts-per-step", options.simulation.promptsPerStep, "Prompts of a step")->check(count);
    line.add("--samples", options.simulation.samplesPerPrompt, "Rollouts of a prompt")->check(count);
    line.add("--prompts", options.synthetic.prompts, "--world: size of the pool")->check(count);
    line.add("--steps", options.synthetic.steps, "--world: steps")->check(count);
    line.add("--dimension", options.synthetic.dimension, "--world: numbers per embedding")->check(count);
    line.add("--information", options.synthetic.information, "--world: share of the difficulty's variance that embeddings explain")
        ->check(CLI::Range(0.0, 1.0));
    line.add("--min-measurements", options.fewestMeasurements, "RUN: fewer times measured, and a prompt is left out")->check(count);
    line.add("--seed", options.seed, "Seed of every draw");
    line.flag("--json", options.asJson, "Print one JSON object on standard output");
}

} // namespace

int runSimulate(const Words& words)
{
    SimulateOptions options;
    options.selection.strategy = "midpoint";
    options.selection.belief = "midpoint";
    options.selection.intervalSteps = 1;
    options.simulation.promptsPerStep = 16;
    CommandLine line("simulate", "What a strategy and a belief would have picked, and how good the picks would have been, round by round.");
    addOptions(line, options);
    if (!line.parse(words))
        return 0;
    if (!options.fresh.empty()) {
        requireExisting("RUN", options.run);
        std::cout << judgeRecordedBeliefs(options.run, options.fresh, options.asJson);
        return 0;
    }
    options.simulation.seed = options.seed;
    const SimulatedWorld world = worldOf(options);
    const difficulty::PromptPool& pool = world.truth->pool();
    std::unique_ptr<difficulty::SelectionStrategy> strategy = difficulty::makeStrategy(options.selection);
    std::unique_ptr<difficulty::Belief> belief = strategy->needsBelief() ? makeBelief(options, world) : nullptr;
    difficulty::Selector selector(
        difficulty::selectorOptions(options.selection, options.seed), pool, std::move(strategy), std::move(belief));
    const auto rounds = difficulty::simulate(*world.truth, selector, options.selection.intervalSteps, options.simulation);
    json all = json::array();
    for (const difficulty::SimulatedRound& round : rounds)
        all.push_back(toJson(round));
    const json result = { { "prompts", pool.size() }, { "steps", world.truth->steps() }, { "strategy", options.selection.strategy },
        { "belief", options.selection.belief }, { "rounds", std::move(all) } };
    std::cout << (options.asJson ? result.dump(2) + "\n" : concat(pool.size(), " prompts, ", world.truth->steps(), " steps\n\n", tableOf(rounds)));
    return 0;
}

} // namespace midpoint::app
