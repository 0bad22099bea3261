#include "backend/engine/tools.h"

#include "backend/checkpoint/checkpoint.h"
#include "backend/compute/open_device.h"
#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/statistics.h"
#include "backend/core/text.h"
#include "backend/distributed/all_reduce_check.h"
#include "backend/engine/evaluation.h"
#include "backend/engine/memory_ledger.h"
#include "backend/engine/model_files.h"
#include "backend/engine/threads.h"
#include "backend/engine/trainer_state.h"
#include "backend/model/model.h"

#include <nlohmann/json.hpp>

#include <numeric>
#include <torch/version.h>

namespace midpoint::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// On the first device of the run.
model::Model loadModel(const fs::path& folder, const config::RunSection& run)
{
    model::ModelOptions options;
    options.computeType = model::parseComputeType(run.dtype);
    try {
        options.device = compute::openDevice(run.devices.front());
    } catch (const Error& error) {
        throw Error(error.kind(), concat(error.what(), "; run.devices=cpu computes on the processor"));
    }
    return model::Model::load(folder, options);
}

// Without training there is more room for the cache.
config::RunConfig withCache(config::RunConfig config, const model::Model& model)
{
    MemoryNeeds needs;
    needs.longestPrompt = config.data.maxPromptTokens;
    needs.trains = false;
    config.rollout.kvCacheMegabytes = cacheMegabytes(config, model, needs);
    return config;
}

json intervalJson(double mean, double standardError)
{
    return { mean - statistics::kNormal95 * standardError, mean + statistics::kNormal95 * standardError };
}

json resultJson(const EvaluationResult& result)
{
    json row = { { "set", result.set }, { "prompts", result.prompts }, { "samples_per_prompt", result.samplesPerPrompt },
        { "mean", result.meanAccuracy }, { "stderr", result.standardError },
        { "mean_interval95", intervalJson(result.meanAccuracy, result.standardError) }, { "pass", result.passAtN },
        { "maj", result.majorityAtN }, { "generated_tokens", result.generatedTokens }, { "mean_length", result.meanLength },
        { "truncated", result.truncatedShare }, { "unparseable", result.unparseableShare }, { "seconds", result.seconds } };
    const auto share = [&](double value) {
        const auto interval = statistics::wilson(std::llround(value * static_cast<double>(result.prompts)), result.prompts);
        return interval.has_value() ? json { interval->low, interval->high } : json();
    };
    row["pass_interval95"] = share(result.passAtN);
    row["maj_interval95"] = share(result.majorityAtN);
    return row;
}

void writeLabels(const Evaluator& evaluator, const fs::path& path, const std::string& policy)
{
    std::string lines;
    for (const Evaluator::Set& set : evaluator.sets())
        for (const Group& group : set.groups)
            lines += json { { "policy", policy }, { "prompt", group.prompt }, { "successes", group.successes() },
                         { "attempts", group.rollouts.size() } }
                         .dump()
                + "\n";
    writeFileAtomically(path, lines);
}

} // namespace

fs::path resolveModelFolder(const fs::path& path, LogSink& log)
{
    if (fs::exists(path / "config.json")) {
        if (fs::exists(path / "manifest.json"))
            checkpoint::verify(path);
        return path;
    }
    if (fs::is_directory(path / "checkpoints"))
        if (const auto newest = checkpoint::newestComplete(path / "checkpoints", log))
            return *newest;
    throw Error(ErrorKind::Checkpoint,
        concat(path.string(), ": expected a model folder (config.json), a checkpoint or a run with a complete checkpoint, found ",
            fs::exists(path) ? "none of these" : "nothing"));
}

std::string evaluateCheckpoint(const EvalOptions& options, Session& session)
{
    const ThreadScope threads(options.config.run.threads);
    const fs::path folder = resolveModelFolder(options.checkpoint, session.log);
    const Tokenizer tokenizer = Tokenizer::load(folder);
    const model::Model model = loadModel(folder, options.config.run);
    requireVocabulary(tokenizer, model.config(), folder);
    config::RunConfig config = withCache(options.config, model);
    config.eval.samplesPerPrompt = options.samples;
    config.eval.maxPrompts = options.maxPrompts;
    Roller roller(config, model, tokenizer);
    Evaluator evaluator(config, roller, tokenizer, options.dataFiles);
    if (session.progress)
        evaluator.setProgress([&](std::int64_t done, std::int64_t total) { session.progress({ done, total, "prompts" }); });
    json sets = json::array();
    for (const EvaluationResult& result : evaluator.evaluate(options.step, session.stop))
        sets.push_back(resultJson(result));
    if (!options.labelsOut.empty())
        writeLabels(evaluator, options.labelsOut, options.policyName.empty() ? folder.filename().string() : options.policyName);
    return json { { "checkpoint", folder.string() }, { "step", options.step }, { "temperature", config.eval.temperature },
        { "sets", sets } }
        .dump(2);
}

std::vector<Generated> generateTexts(const GenerateOptions& options, Session& session)
{
    const ThreadScope threads(options.config.run.threads);
    const fs::path folder = resolveModelFolder(options.checkpoint, session.log);
    const Tokenizer tokenizer = Tokenizer::load(folder);
    const model::Model model = loadModel(folder, options.config.run);
    requireVocabulary(tokenizer, model.config(), folder);
    std::vector<PoolPrompt> prompts;
    if (!options.dataFiles.empty())
        prompts = loadPrompts(options.dataFiles, options.config.data, tokenizer, options.maxPrompts).prompts;
    const data::PromptTemplate promptTemplate = makeTemplate(options.config.data, tokenizer);
    for (const std::string& text : options.prompts) {
        data::Prompt prompt;
        prompt.question = text;
        PoolPrompt item { stableId(text), static_cast<std::int64_t>(prompts.size()), text, "", "command line",
            tokenizer.encode(promptTemplate.render(prompt)) };
        if (item.tokens.empty())
            throw Error(ErrorKind::Usage, "--prompt: expected a text with at least one token, found an empty one");
        prompts.push_back(std::move(item));
    }
    Roller roller(withCache(options.config, model), model, tokenizer);
    std::vector<RollRequest> requests;
    for (const PoolPrompt& prompt : prompts)
        requests.push_back({ &prompt, Purpose::Evaluate, options.samples });
    std::vector<Generated> texts;
    for (const Group& group : roller.generate(requests, 0, trainSampling(options.config), session.stop))
        for (const Rollout& rollout : group.rollouts)
            texts.push_back({ prompts[static_cast<std::size_t>(group.promptIndex)].question, tokenizer.decode(rollout.tokens),
                nameOf(rollout.finish), static_cast<std::int64_t>(rollout.tokens.size()),
                std::accumulate(rollout.logprobs.begin(), rollout.logprobs.end(), 0.0) });
    return texts;
}

void exportModel(const ExportOptions& options, Session& session)
{
    const fs::path folder = resolveModelFolder(options.source, session.log);
    if (fs::exists(folder / "manifest.json"))
        checkpoint::verify(folder);
    if (fs::exists(options.outFolder) && !fs::is_empty(options.outFolder))
        throw Error(ErrorKind::Io, concat(options.outFolder.string(), ": expected a new or empty folder, found files in it"));
    model::Model model = model::Model::load(folder);
    if (fs::exists(folder / "master.safetensors"))
        readMasterWeights(folder / "master.safetensors", model);
    // As stored: the type that config.json of the source names.
    std::string dtype = options.dtype;
    if (dtype.empty()) {
        const json config = json::parse(model.config().json);
        dtype = config.value("dtype", config.value("torch_dtype", "float32"));
    }
    model.save(options.outFolder, model::parseComputeType(dtype), folder);
    session.log.info(concat("exported ", folder.string(), " to ", options.outFolder.string(), " (", dtype, ")"));
}

std::string describeDevices()
{
    std::string problem;
    json devices = json::array();
    for (const std::string& name : compute::deviceNames(problem))
        devices.push_back(name == "cpu" ? json { { "name", name }, { "threads", at::get_num_threads() }, { "isa", at::get_cpu_capability() } }
                                        : json { { "name", name } });
    json found = { { "libtorch", TORCH_VERSION }, { "devices", devices }, { "dtypes", { "float32", "bfloat16", "float16" } } };
    if (!problem.empty())
        found["gpu_problem"] = problem;
    return found.dump(2);
}

std::string checkAllReduce(const std::vector<std::string>& devices)
{
    const distributed::AllReduceCheck check = distributed::checkAllReduce(devices);
    return json { { "devices", devices }, { "through", check.through }, { "megabytes", static_cast<double>(check.bytes) / 1e6 },
        { "seconds", check.seconds }, { "gigabytes_per_second", check.bytesPerSecond / 1e9 } }.dump(2);
}

} // namespace midpoint::engine
