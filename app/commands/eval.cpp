// midpoint eval: a checkpoint's accuracy on prompt sets, and labels for training a predictor.
#include "app/commands.h"
#include "app/console.h"
#include "app/modules.h"
#include "app/run_paths.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

namespace midpoint::app {

int runEval(const Words& words)
{
    engine::EvalOptions options;
    std::string checkpoint;
    std::string labels;
    double temperature = 0.0;
    bool asJson = false;
    CommandLine line("eval",
        "Measures a checkpoint on prompt sets: mean@N, pass@N and maj@N with intervals. Settings are those of the checkpoint's run.", Settings::OfSampling);
    line.add("CHECKPOINT", checkpoint, "Checkpoint, model or run folder (its newest checkpoint)")->required();
    line.add("--data", options.dataFiles, "Prompt sets, .jsonl or .parquet; otherwise data.val_files of the run");
    CLI::Option* samples = line.options().add_option("--samples", options.samples, "Responses per prompt (otherwise eval.samples_per_prompt)")->check(CLI::Range(1, 1'000'000));
    CLI::Option* heat = line.options().add_option("--temperature", temperature, "Sampling temperature, 0 for greedy (otherwise eval.temperature)")
                            ->check(CLI::NonNegativeNumber);
    line.add("--max-prompts", options.maxPrompts, "Prompts of each set, 0 for all")->check(CLI::NonNegativeNumber);
    CLI::Option* step = line.options().add_option("--step", options.step, "Key of the random draws (otherwise the checkpoint's step)")->check(CLI::NonNegativeNumber);
    line.add("--labels", labels, "Write success rates per prompt here (JSONL), for `midpoint predictor train`");
    line.add("--policy-name", options.policyName, "Name of the model in the labels (otherwise the folder's name)");
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;

    options.checkpoint = checkpointFolder(checkpoint);
    Words overrides = line.overrides();
    if (heat->count() > 0)
        overrides.push_back(concat("eval.temperature=", shortest(temperature)));
    const config::LoadedConfig settings = settingsFor(options.checkpoint, overrides);
    options.config = settings.config;
    if (options.dataFiles.empty())
        options.dataFiles = settings.config.data.valFiles;
    if (options.dataFiles.empty())
        throw Error(ErrorKind::Usage, "--data: expected at least one prompt set, and the checkpoint's run names none");
    for (const std::string& file : options.dataFiles)
        requireExisting("--data", file);
    if (samples->count() == 0)
        options.samples = settings.config.eval.samplesPerPrompt;
    if (step->count() == 0)
        options.step = stepOf(options.checkpoint);
    if (options.policyName.empty())
        options.policyName = std::filesystem::absolute(options.checkpoint).lexically_normal().filename().string();
    if (!labels.empty())
        requireWritable("--labels", labels);
    options.labelsOut = labels;
    engine::EngineApi& engine = openEngine();
    std::string result;
    {
        CommandSession session;
        result = engine.evaluate(options, session.session());
    }
    printResult(result, asJson);
    return 0;
}

} // namespace midpoint::app
