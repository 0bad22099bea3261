#include "backend/engine/run_parts.h"

#include "backend/compute/open_device.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/engine/beliefs.h"
#include "backend/engine/model_files.h"
#include "backend/engine/rank_device.h"
#include "backend/engine/weights_hash.h"
#include "backend/launch/run_folder.h"
#include "backend/reward/audit.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <unistd.h>

namespace midpoint::engine {
namespace {

namespace fs = std::filesystem;

model::ModelOptions modelOptions(const config::RunConfig& config, const compute::Device& device)
{
    model::ModelOptions options;
    options.device = device;
    options.computeType = model::parseComputeType(config.run.dtype);
    options.activationCheckpointing = config.model.activationCheckpointing;
    return options;
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

// Fills the ledger and settles the size of the caches.
void settleMemory(RunParts& parts, const RankOptions& options)
{
    MemoryNeeds needs;
    for (const PoolPrompt& prompt : parts.prompts->prompts)
        needs.longestPrompt = std::max(needs.longestPrompt, static_cast<std::int64_t>(prompt.tokens.size()));
    needs.models = parts.reference != nullptr ? 2 : 1;
    needs.ranks = options.place.worldSize;
    needs.ranksOfHost = options.place.localWorldSize;
    parts.config.rollout.kvCacheMegabytes = cacheMegabytes(parts.config, *parts.model, needs);
    parts.memory = planMemory(parts.config, *parts.model, needs);
}

// Held-out files are read by rank 0 alone, but all have to have been given the same.
std::string hashOfAllData(const RunParts& parts)
{
    std::string all = parts.prompts->dataHash;
    for (const std::string& file : parts.config.data.valFiles)
        all += concat(" ", checksumFile(file));
    return checksum(all);
}

distributed::Identity identityOf(const RankOptions& options, const RunParts& parts)
{
    distributed::Identity own;
    own.rank = options.place.rank;
    own.host = launch::hostName();
    own.pid = ::getpid();
    own.device = parts.device;
    if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES"))
        own.visible = visible;
    if (options.place.worldSize == 1)
        return own; // nobody to compare with
    own.version = MIDPOINT_VERSION;
    own.configHash = options.place.configHash;
    own.dataHash = hashOfAllData(parts);
    own.weightsHash = weightsHash(options.config.model.path);
    return own;
}

distributed::RendezvousOptions rendezvousOf(const RankOptions& options, const RunParts& parts)
{
    distributed::RendezvousOptions rendezvous;
    rendezvous.rank = options.place.rank;
    rendezvous.size = options.place.worldSize;
    rendezvous.storeAddress = options.place.masterAddress;
    rendezvous.storePort = options.place.masterPort;
    rendezvous.holdsStore = options.place.holdsStore;
    rendezvous.storeDescriptor = options.place.storeDescriptor;
    rendezvous.attempt = options.place.attempt;
    rendezvous.ownAddress = options.place.ownAddress;
    rendezvous.cudaDevice = cudaIndex(parts.device);
    rendezvous.deadlineSeconds = options.config.run.rendezvousSeconds;
    rendezvous.collectiveSeconds = options.config.run.collectiveSeconds;
    return rendezvous;
}

// What every rank needs to compute, before it meets the others.
void loadComputing(RunParts& parts, const RankOptions& options, Session& session)
{
    const config::RunConfig& config = parts.config;
    parts.device = deviceOf(config.run.devices, options.place);
    const compute::Device device = compute::openDevice(parts.device); // what is missing shows before anything is read
    parts.tokenizer = std::make_unique<Tokenizer>(Tokenizer::load(config.model.path));
    parts.prompts = std::make_unique<LoadedPrompts>(loadPrompts(config.data.trainFiles, config.data, *parts.tokenizer));
    for (const std::string& line : parts.prompts->report)
        session.log.info(concat("data: ", line));
    parts.model = std::make_unique<model::Model>(model::Model::load(config.model.path, modelOptions(config, device)));
    requireVocabulary(*parts.tokenizer, parts.model->config(), config.model.path);
    requirePositions(config, *parts.prompts, *parts.model);
    if (config.policy.klCoefficient > 0.0)
        parts.reference = std::make_unique<model::Model>(model::Model::load(config.model.path, modelOptions(config, device)));
    settleMemory(parts, options);
}

// A rank that cannot load its part tells the others, which would wait for it in vain.
void loadOrRefuse(RunParts& parts, const RankOptions& options, Session& session)
{
    try {
        loadComputing(parts, options, session);
    } catch (const Error& cause) {
        if (options.place.worldSize > 1) {
            distributed::Identity own;
            own.rank = options.place.rank;
            own.host = launch::hostName();
            own.pid = ::getpid();
            distributed::refuse(rendezvousOf(options, parts), own, cause);
        }
        throw;
    }
}

void assembleComputing(RunParts& parts, const RankOptions& options, Session& session, distributed::OperationObserver observer)
{
    loadOrRefuse(parts, options, session);
    parts.meeting = distributed::meet(rendezvousOf(options, parts), identityOf(options, parts), std::move(observer));
    if (parts.meeting.communicator->size() > 1)
        parts.ranks = std::make_unique<distributed::CommunicatingRanks>(*parts.meeting.communicator);
    parts.crew = std::make_unique<Crew>(*parts.meeting.communicator);
    parts.roller = std::make_unique<Roller>(parts.config, *parts.model, *parts.tokenizer, parts.crew.get());
    parts.update = std::make_unique<policy::PolicyUpdate>(
        *parts.model, policy::updateSettings(parts.config), parts.reference.get(), parts.ranks.get());
}

// What decides: rank 0 alone.
void assembleDeciding(RunParts& parts, Session& session)
{
    const config::RunConfig& config = parts.config;
    std::vector<PromptId> ids;
    for (const PoolPrompt& prompt : parts.prompts->prompts)
        ids.push_back(prompt.id);
    parts.pool = std::make_unique<difficulty::PromptPool>(std::move(ids));
    parts.dataFindings = lookAtReferences(*parts.prompts, parts.roller->grader());
    if (!config.data.valFiles.empty())
        parts.evaluator
            = std::make_unique<Evaluator>(config, *parts.roller, *parts.tokenizer, config.data.valFiles);
    parts.selector = makeSelector(parts, session);
    if (config.replay.enabled) {
        const auto fresh = static_cast<std::int64_t>(
            static_cast<double>(config.batch.promptsPerStep) * config.replay.freshFraction + 0.5);
        parts.buffer = std::make_unique<replay::ReplayBuffer>(replay::bufferOptions(config.replay, std::max<std::int64_t>(1, fresh)));
    }
    parts.health = HealthRules(config.health);
}

} // namespace

CheckpointFacts RunParts::facts() const { return { prompts->dataHash, resolvedToml, model->folder() }; }

RunParts assembleRun(const RankOptions& options, Session& session, distributed::OperationObserver observer)
{
    RunParts parts;
    parts.config = options.config;
    parts.runFolder = options.runFolder;
    parts.resolvedToml = options.resolvedToml;
    assembleComputing(parts, options, session, std::move(observer));
    if (options.place.rank == 0)
        assembleDeciding(parts, session);
    return parts;
}

} // namespace midpoint::engine
