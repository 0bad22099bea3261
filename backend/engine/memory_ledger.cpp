#include "backend/engine/memory_ledger.h"

#include "backend/core/clock.h"
#include "backend/core/text.h"
#include "backend/distributed/rank_group.h"
#include "backend/engine/run_parts.h"
#include "backend/engine/step_outcome.h"
#include "backend/model/memory.h"
#include "backend/rollout/memory.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <unistd.h>

namespace midpoint::engine {
namespace {

constexpr std::int64_t kMebibyte = 1 << 20;
constexpr double kShareOfFree = 0.9; // what is left is an estimate: the rest of the process needs some too

std::int64_t longestSequence(const config::RunConfig& config, const MemoryNeeds& needs)
{
    const std::int64_t block = config.rollout.kvBlockTokens;
    return (needs.longestPrompt + config.rollout.maxNewTokens + block - 1) / block * block;
}

// Of one cache, when all its sequences are as long as they can be and share nothing.
std::int64_t largestCache(const config::RunConfig& config, const model::Model& model, const MemoryNeeds& needs)
{
    return config.rollout.maxSequences * longestSequence(config, needs) * model::cacheBytesPerToken(model);
}

rollout::RolloutOptions rolloutOptions(const config::RunConfig& config)
{
    rollout::RolloutOptions options;
    options.maxSequences = config.rollout.maxSequences;
    options.blockTokens = config.rollout.kvBlockTokens;
    return options;
}

std::int64_t largestActivations(const config::RunConfig& config, const model::Model& model, const MemoryNeeds& needs)
{
    const std::int64_t tokens = std::max(config.batch.tokensPerMicrobatch, needs.longestPrompt + config.rollout.maxNewTokens);
    const std::int64_t updating = needs.trains ? model::activationBytes(model, tokens, tokens) : 0;
    return std::max(updating, rollout::passingBytes(model, rolloutOptions(config)));
}

MemoryLedger withoutCache(const config::RunConfig& config, const model::Model& model, const MemoryNeeds& needs)
{
    MemoryLedger ledger;
    ledger.weights = needs.models * model::weightBytes(model)
        + rollout::lastingBytes(model, rolloutOptions(config), longestSequence(config, needs));
    ledger.gradients = needs.trains ? model::masterBytes(model) : 0;
    ledger.optimizer = needs.trains ? 2 * model::masterBytes(model) / needs.ranks : 0;
    if (needs.ranks > 1 && model.options().computeType != torch::kFloat32) { // the masters are spread over the ranks too (policy/adamw.h)
        ledger.weights -= model::masterBytes(model);
        ledger.optimizer += model::masterBytes(model) / needs.ranks;
    }
    ledger.activations = largestActivations(config, model, needs);
    ledger.communication = needs.ranks > 1 ? distributed::kMostBytesUnderWay : 0;
    const compute::Device& device = model.options().device;
    ledger.available = device.isProcessor() ? availableBytes() / needs.ranksOfHost : device.memoryBytes();
    return ledger;
}

std::int64_t fieldOf(const char* file, const std::string& key)
{
    std::ifstream lines(file);
    std::string word;
    std::int64_t value = 0;
    while (lines >> word)
        if (word == key && lines >> value)
            return value;
    return 0;
}

std::int64_t numberIn(const char* file)
{
    std::ifstream text(file);
    std::int64_t value = -1;
    return text >> value ? value : -1;
}

std::string size(std::int64_t bytes) { return formatBytes(static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 0))); }

std::string whatIsHeld(const model::Model& model)
{
    const compute::Device& device = model.options().device;
    if (device.isProcessor())
        return concat("the process holds ", size(residentBytes()));
    const kernels::cuda::FreeMemory memory = device.module().freeMemory();
    return concat(device.name(), " has ", size(memory.bytes), " of ", size(memory.allBytes), " left");
}

std::int64_t longestPrompt(const RunParts& parts)
{
    std::size_t longest = 1;
    for (const PoolPrompt& prompt : parts.prompts->prompts)
        longest = std::max(longest, prompt.tokens.size());
    return static_cast<std::int64_t>(longest);
}

} // namespace

std::int64_t availableBytes()
{
    constexpr std::int64_t kKilo = 1024;
    std::int64_t available = fieldOf("/proc/meminfo", "MemAvailable:") * kKilo;
    const std::int64_t limit = numberIn("/sys/fs/cgroup/memory.max");
    const std::int64_t used = numberIn("/sys/fs/cgroup/memory.current");
    if (limit > 0 && used >= 0)
        available = std::min(available, std::max<std::int64_t>(limit - used, 0));
    return available;
}

std::int64_t residentBytes()
{
    std::ifstream file("/proc/self/statm");
    std::int64_t all = 0, resident = 0;
    return file >> all >> resident ? resident * ::sysconf(_SC_PAGESIZE) : 0;
}

MemoryLedger planMemory(const config::RunConfig& config, const model::Model& model, const MemoryNeeds& needs)
{
    MemoryLedger ledger = withoutCache(config, model, needs);
    ledger.cache = std::min(cacheMegabytes(config, model, needs) * kMebibyte, largestCache(config, model, needs));
    return ledger;
}

std::int64_t cacheMegabytes(const config::RunConfig& config, const model::Model& model, const MemoryNeeds& needs)
{
    if (config.rollout.kvCacheMegabytes > 0)
        return config.rollout.kvCacheMegabytes;
    const MemoryLedger others = withoutCache(config, model, needs);
    const auto left = static_cast<std::int64_t>(kShareOfFree * static_cast<double>(others.available)) - others.sum();
    const std::int64_t oneSequence = longestSequence(config, needs) * model::cacheBytesPerToken(model);
    const std::int64_t bytes = std::clamp(left, oneSequence, std::max(oneSequence, largestCache(config, model, needs)));
    return (bytes + kMebibyte - 1) / kMebibyte;
}

store::Event memoryEvent(const MemoryLedger& plan, std::int64_t step)
{
    store::Event event;
    event.step = step;
    event.rule = "memory";
    const bool fits = plan.sum() <= plan.available;
    event.level = fits ? store::EventLevel::Info : store::EventLevel::Warning;
    event.message = concat("weights ", size(plan.weights), ", gradients ", size(plan.gradients), ", optimizer ", size(plan.optimizer), ", cache ",
        size(plan.cache), ", activations ", size(plan.activations), ", communication ", size(plan.communication), ": at most ", size(plan.sum()),
        fits ? " of " : ", but there are only ", size(plan.available),
        fits ? "" : "; lower batch.tokens_per_microbatch or rollout.kv_cache_megabytes, or switch model.activation_checkpointing on");
    event.data = nlohmann::json({ { "weights", plan.weights }, { "gradients", plan.gradients }, { "optimizer", plan.optimizer },
                                    { "cache", plan.cache }, { "activations", plan.activations }, { "communication", plan.communication },
                                    { "available", plan.available } })
                     .dump();
    return event;
}

std::vector<store::Metric> memoryMetrics(const RunParts& parts, const StepOutcome& outcome)
{
    constexpr double kGiga = 1e9;
    std::vector<store::Metric> metrics;
    const auto add = [&](const char* name, std::int64_t bytes) { metrics.push_back({ name, static_cast<double>(bytes) / kGiga }); };
    std::int64_t weights = model::weightBytes(*parts.model) + parts.roller->packedBytes();
    const std::int64_t cache = parts.roller->cacheBytes();
    if (parts.reference != nullptr)
        weights += model::weightBytes(*parts.reference);
    std::int64_t gradients = 0;
    for (const model::Parameter& parameter : std::as_const(*parts.model).parameters())
        gradients += parameter.gradient.defined() ? static_cast<std::int64_t>(parameter.gradient.nbytes()) : 0;
    add("memory/weights_gb", weights);
    add("memory/gradients_gb", gradients);
    add("memory/optimizer_gb", parts.update->optimizer().bytes());
    add("memory/cache_gb", cache);
    add("memory/activations_gb", outcome.update.activationBytes);
    return metrics;
}

std::vector<store::Event> splitEvents(const StepOutcome& outcome, std::int64_t step)
{
    std::vector<store::Event> events;
    for (const policy::MemorySplit& split : outcome.update.memorySplits) {
        store::Event event;
        event.step = step;
        event.level = store::EventLevel::Warning;
        event.rule = "memory_split";
        event.message = concat("a micro-batch of ", split.tokensBefore, " tokens did not fit into memory; from now on they have ",
            split.tokensAfter, " (", split.reason, ")");
        event.data = nlohmann::json({ { "tokens_before", split.tokensBefore }, { "tokens_after", split.tokensAfter } }).dump();
        events.push_back(std::move(event));
    }
    return events;
}

bool triesWorstCase(const config::RunConfig& config)
{
    const bool hasGpu = std::any_of(config.run.devices.begin(), config.run.devices.end(), [](const std::string& name) { return name != "cpu"; });
    return config.run.tryWorstCase == "yes" || (config.run.tryWorstCase == "auto" && hasGpu);
}

std::vector<store::Event> tryWorstCase(RunParts& parts)
{
    const double started = systemClock().steadySeconds();
    const std::int64_t prompt = longestPrompt(parts);
    const std::int64_t sequences = parts.roller->tryLargest(prompt);
    StepOutcome outcome;
    outcome.update = parts.update->tryLargest(prompt, parts.config.rollout.maxNewTokens);
    const std::int64_t step = parts.progress.step;
    std::vector<store::Event> events = splitEvents(outcome, step);
    store::Event event;
    event.step = step;
    event.rule = "worst_case";
    event.message = concat("tried first: ", sequences, " sequences with prompts of ", prompt, " tokens, and a micro-batch of ",
        outcome.update.packedTokens, " tokens, which took ", size(outcome.update.activationBytes), "; ", whatIsHeld(*parts.model),
        " (", formatDuration(systemClock().steadySeconds() - started), ")");
    events.push_back(std::move(event));
    if (const std::string problem = parts.roller->graphProblem(); !problem.empty()) {
        store::Event slow;
        slow.step = step;
        slow.level = store::EventLevel::Warning;
        slow.rule = "decoding_without_graphs";
        slow.message = concat("steps of decoding cannot be recorded as graphs and start one operation at a time, which is slower: ", problem);
        events.push_back(std::move(slow));
    }
    return events;
}

} // namespace midpoint::engine
