#include "backend/engine/run_parts.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/engine/beliefs.h"
#include "backend/reward/audit.h"

#include <nlohmann/json.hpp>

namespace midpoint::engine {
namespace {

namespace fs = std::filesystem;

model::ModelOptions modelOptions(const config::RunConfig& config)
{
    model::ModelOptions options;
    options.computeType = model::parseComputeType(config.run.dtype);
    options.activationCheckpointing = config.model.activationCheckpointing;
    return options;
}

// This engine computes in one process on the CPU; anything else is refused before a model is read.
void requireDevices(const config::RunConfig& config)
{
    for (const std::string& device : config.run.devices)
        if (device != "cpu")
            throw Error(ErrorKind::Config, concat("run.devices: expected \"cpu\": this engine does not compute on GPUs, found '", device, "'"));
    if (config.run.devices.size() != 1)
        throw Error(ErrorKind::Config, concat("run.devices: expected one device: this engine trains in one process, found ", config.run.devices.size()));
}

void requireVocabulary(const Tokenizer& tokenizer, const model::Model& model)
{
    if (tokenizer.vocabularySize() > model.config().vocabularySize)
        throw Error(ErrorKind::Model,
            concat(tokenizer.file().string(), ": expected token ids below vocab_size = ", model.config().vocabularySize, " of ",
                (model.folder() / "config.json").string(), ", found ids up to ", tokenizer.vocabularySize() - 1));
}

void requirePositions(const config::RunConfig& config, const LoadedPrompts& prompts, const model::Model& model)
{
    std::size_t longest = 0;
    for (const PoolPrompt& prompt : prompts.prompts)
        longest = std::max(longest, prompt.tokens.size());
    const auto needed = static_cast<std::int64_t>(longest) + config.rollout.maxNewTokens;
    if (needed > model.config().maxPositions)
        throw Error(ErrorKind::Config,
            concat("rollout.max_new_tokens = ", config.rollout.maxNewTokens, ": with the longest prompt of ", longest,
                " tokens a sequence has ", needed, " positions; expected at most max_position_embeddings = ",
                model.config().maxPositions, " of ", model.folder().string()));
}

// References that the grader cannot use, as an event: their prompts never count as solved.
std::vector<store::Event> lookAtReferences(const LoadedPrompts& prompts, reward::Grader& grader)
{
    constexpr std::size_t kMostListed = 200;
    std::vector<std::string> references;
    for (const PoolPrompt& prompt : prompts.prompts)
        references.push_back(prompt.answer);
    const std::vector<reward::ReferenceFinding> findings = reward::unusableReferences(grader, references);
    if (findings.empty())
        return {};
    nlohmann::json list = nlohmann::json::array();
    for (const reward::ReferenceFinding& finding : findings)
        if (list.size() < kMostListed)
            list.push_back({ { "prompt", finding.index }, { "answer", references[finding.index] }, { "problem", finding.problem } });
    store::Event event;
    event.level = store::EventLevel::Warning;
    event.rule = "unusable_references";
    event.message = concat(findings.size(), " of ", references.size(),
        " reference answers cannot be used by the grader and never count as solved; first: prompt ", findings.front().index, ", answer '",
        references[findings.front().index], "': ", findings.front().problem);
    event.data = nlohmann::json({ { "count", findings.size() }, { "references", std::move(list) } })
                     .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return { event };
}

} // namespace

CheckpointFacts RunParts::facts() const { return { prompts->dataHash, resolvedToml, model->folder() }; }

RunParts assembleRun(const RankOptions& options, Session& session)
{
    RunParts parts;
    parts.config = options.config;
    parts.runFolder = options.runFolder;
    parts.resolvedToml = options.resolvedToml;
    const config::RunConfig& config = parts.config;
    requireDevices(config);

    parts.tokenizer = std::make_unique<Tokenizer>(Tokenizer::load(config.model.path));
    parts.prompts = std::make_unique<LoadedPrompts>(loadPrompts(config.data.trainFiles, config.data, *parts.tokenizer));
    for (const std::string& line : parts.prompts->report)
        session.log.info(concat("data: ", line));
    parts.model = std::make_unique<model::Model>(model::Model::load(config.model.path, modelOptions(config)));
    requireVocabulary(*parts.tokenizer, *parts.model);
    requirePositions(config, *parts.prompts, *parts.model);
    if (config.policy.klCoefficient > 0.0)
        parts.reference = std::make_unique<model::Model>(model::Model::load(config.model.path, modelOptions(config)));

    std::vector<PromptId> ids;
    for (const PoolPrompt& prompt : parts.prompts->prompts)
        ids.push_back(prompt.id);
    parts.pool = std::make_unique<difficulty::PromptPool>(std::move(ids));
    parts.roller = std::make_unique<Roller>(config, *parts.model, *parts.tokenizer);
    parts.dataFindings = lookAtReferences(*parts.prompts, parts.roller->grader());
    if (!config.data.valFiles.empty())
        parts.evaluator = std::make_unique<Evaluator>(config, *parts.model, *parts.tokenizer, config.data.valFiles);
    parts.selector = makeSelector(parts, session);
    parts.update = std::make_unique<policy::PolicyUpdate>(*parts.model, policy::updateSettings(config), parts.reference.get());
    if (config.replay.enabled) {
        const auto fresh = static_cast<std::int64_t>(
            static_cast<double>(config.batch.promptsPerStep) * config.replay.freshFraction + 0.5);
        parts.buffer = std::make_unique<replay::ReplayBuffer>(replay::bufferOptions(config.replay, std::max<std::int64_t>(1, fresh)));
    }
    parts.health = HealthRules(config.health);
    return parts;
}

} // namespace midpoint::engine
