// midpoint predictor embed|train|eval: the adaptive difficulty predictor, offline.
#include "app/commands.h"
#include "app/console.h"
#include "app/modules.h"
#include "app/run_paths.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

#include <functional>
#include <iostream>

namespace midpoint::app {
namespace {

std::vector<std::filesystem::path> existing(const std::string& option, const Words& files)
{
    std::vector<std::filesystem::path> paths;
    for (const std::string& file : files) {
        requireExisting(option, file);
        paths.emplace_back(file);
    }
    return paths;
}

constexpr const char* kLabels = "Labels of `midpoint eval --labels`, or runs: what their rollouts measured; one or more, in any mixture";

void addStepsPerPolicy(CommandLine& line, std::int64_t& steps)
{
    line.add("--steps-per-policy", steps, "Runs in --labels: so many steps that follow each other count as one policy")
        ->check(CLI::Range(1, 1'000'000));
}

void addThreads(CommandLine& line, std::int64_t& threads)
{
    line.add("--threads", threads, "Threads; 0: OMP_NUM_THREADS if it is set, else all cores")->check(CLI::Range(0, 4096));
}

void print(const std::function<std::string(engine::EngineApi&, engine::Session&)>& work, bool asJson)
{
    engine::EngineApi& engine = openEngine();
    std::string result;
    {
        CommandSession session;
        result = work(engine, session.session());
    }
    printResult(result, asJson);
}

int embed(const Words& words)
{
    engine::EmbedOptions options;
    std::string model;
    std::string out;
    bool asJson = false;
    CommandLine line("predictor embed", "Embeds every question of the prompt sets with a frozen model.");
    line.add("MODEL", model, "Hugging Face folder of the backbone")->required();
    line.add("--data", options.dataFiles, "Prompt sets, .jsonl or .parquet")->required();
    line.add("--out", out, "Embeddings to write (.safetensors)")->required();
    line.add("--template", options.promptTemplate, "Prompt template; plain is the bare question, as published")
        ->check(CLI::IsMember({ "auto", "plain", "qwen-math", "chatml", "llama3" }));
    line.add("--max-tokens", options.maxTokens, "Longer questions are cut")->check(CLI::Range(1, 1'000'000));
    line.add("--dtype", options.dtype, "Type to compute in")->check(CLI::IsMember({ "float32", "bfloat16", "float16" }));
    line.add("--pooling", options.pooling, "Of the last hidden states: mean, as published; mean-last, as belief midpoint has it")
        ->check(CLI::IsMember({ "mean", "mean-last" }));
    line.add("--device", options.device, "Where to compute: cpu or cuda:N");
    addThreads(line, options.threads);
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    requireExisting("MODEL", model);
    existing("--data", options.dataFiles);
    options.model = model;
    requireWritable("--out", out);
    options.out = out;
    print([&](engine::EngineApi& engine, engine::Session& session) { return engine.predictorEmbed(options, session); }, asJson);
    return 0;
}

int train(const Words& words)
{
    engine::PredictorTrainOptions options;
    std::string embeddings;
    std::string out;
    Words labels;
    std::int64_t seed = 1;
    bool asJson = false;
    CommandLine line("predictor train", "Trains the attention predictor on success rates that other models reached.");
    line.add("--embeddings", embeddings, "Embeddings of `midpoint predictor embed`")->required();
    line.add("--labels", labels, kLabels)->required();
    addStepsPerPolicy(line, options.stepsPerPolicy);
    line.add("--out", out, "Predictor to write (.safetensors)")->required();
    line.add("--held-out", options.heldOutPolicies, "Models or runs whose labels are kept for early stopping");
    line.add("--epochs", options.epochs, "Passes over the labels")->check(CLI::Range(1, 100'000));
    line.add("--batch", options.batch, "Labels per update")->check(CLI::Range(1, 1'000'000));
    line.add("--references", options.references, "Reference prompts drawn per batch")->check(CLI::Range(1, 1'000'000));
    line.add("--hidden-size", options.hiddenSize, "Numbers per projection")->check(CLI::Range(1, 65'536));
    line.add("--learning-rate", options.learningRate, "Adam's learning rate")->check(CLI::PositiveNumber);
    line.add("--seed", seed, "Seed of initial weights and draws")->check(CLI::NonNegativeNumber);
    addThreads(line, options.threads);
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    requireExisting("--embeddings", embeddings);
    options.embeddings = embeddings;
    options.labels = existing("--labels", labels);
    requireWritable("--out", out);
    options.out = out;
    options.seed = static_cast<std::uint64_t>(seed);
    print([&](engine::EngineApi& engine, engine::Session& session) { return engine.predictorTrain(options, session); }, asJson);
    return 0;
}

int evaluate(const Words& words)
{
    engine::PredictorEvalOptions options;
    std::string embeddings;
    std::string predictor;
    Words labels;
    bool asJson = false;
    CommandLine line("predictor eval", "Judges a predictor on labels: correlation, error, and how many of its choices have signal.");
    line.add("--embeddings", embeddings, "Embeddings of `midpoint predictor embed`")->required();
    line.add("--predictor", predictor, "Predictor of `midpoint predictor train`")->required();
    line.add("--labels", labels, kLabels)->required();
    addStepsPerPolicy(line, options.stepsPerPolicy);
    line.add("--references", options.references, "Reference prompts")->check(CLI::Range(1, 1'000'000));
    line.add("--seeds", options.seeds, "Draws of the reference prompts")->check(CLI::Range(1, 10'000));
    line.add("--calibrator", options.calibrator, "Calibration fitted on the references")
        ->check(CLI::IsMember({ "none", "linear", "isotonic", "platt" }));
    addThreads(line, options.threads);
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    requireExisting("--embeddings", embeddings);
    requireExisting("--predictor", predictor);
    options.embeddings = embeddings;
    options.predictor = predictor;
    options.labels = existing("--labels", labels);
    print([&](engine::EngineApi& engine, engine::Session& session) { return engine.predictorEval(options, session); }, asJson);
    return 0;
}

} // namespace

int runPredictor(const Words& words)
{
    const std::string which = words.empty() ? "" : words.front();
    const Words rest(words.begin() + (words.empty() ? 0 : 1), words.end());
    if (which == "embed")
        return embed(rest);
    if (which == "train")
        return train(rest);
    if (which == "eval")
        return evaluate(rest);
    if (which == "--help" || which == "-h") {
        std::cout << "Makes and judges the difficulty predictor that selection by DOTS needs:\n"
                     "  1. midpoint predictor embed    embeds the questions with a frozen model\n"
                     "  2. midpoint eval --labels      measures how often some models solve them; recorded runs do as well\n"
                     "  3. midpoint predictor train    learns to predict that from the embeddings\n"
                     "  4. midpoint predictor eval     says how well it does\n\n"
                     "usage: midpoint predictor embed|train|eval ...    (each has its own --help)\n";
        return 0;
    }
    throw Error(ErrorKind::Usage, concat("expected embed, train or eval, found ", which.empty() ? "nothing" : "'" + which + "'"));
}

} // namespace midpoint::app
