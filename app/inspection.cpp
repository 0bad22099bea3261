#include "app/inspection.h"

#include "app/safetensors_header.h"
#include "backend/config/load.h"
#include "backend/config/resolved.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/data/prompt_set.h"
#include "backend/launch/run_state.h"
#include "backend/store/rollout_store.h"
#include "backend/store/run_reader.h"
#include "backend/store/time_to_target.h"

#include <algorithm>
#include <map>

namespace midpoint::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json readJson(const fs::path& path, ErrorKind kind)
{
    json content = json::parse(readFile(path), nullptr, false);
    if (!content.is_object())
        throw Error(kind, concat(path.string(), ": expected a JSON object"));
    return content;
}

struct TensorTotals {
    std::int64_t tensors = 0;
    std::int64_t numbers = 0;
    std::map<std::string, std::int64_t> types;
    std::uint64_t dataBytes = 0; // end of the last tensor
};

void addTensors(const fs::path& path, TensorTotals& totals)
{
    const SafetensorsHeader header = safetensorsHeader(path);
    std::uint64_t end = 0;
    for (const auto& [name, tensor] : header.json.items()) {
        if (name == "__metadata__")
            continue;
        if (!tensor.is_object() || !tensor.contains("shape") || !tensor.contains("dtype") || !tensor.contains("data_offsets"))
            throw Error(ErrorKind::Model, concat(path.string(), ": tensor '", name, "' has no dtype, shape or data_offsets"));
        try {
            std::int64_t numbers = 1;
            for (const json& length : tensor["shape"])
                numbers *= length.get<std::int64_t>();
            ++totals.tensors;
            totals.numbers += numbers;
            ++totals.types[tensor["dtype"].get<std::string>()];
            end = std::max(end, tensor["data_offsets"].at(1).get<std::uint64_t>());
        } catch (const json::exception&) {
            throw Error(ErrorKind::Model, concat(path.string(), ": tensor '", name, "': expected a list of lengths, a name and two offsets, found ", tensor.dump()));
        }
    }
    const std::uint64_t expected = header.dataBegin + end;
    if (fs::file_size(path) < expected)
        throw Error(ErrorKind::Model, concat(path.string(), ": truncated: the tensors end at byte ", expected, ", the file at ", fs::file_size(path)));
    totals.dataBytes += end;
}

json toJson(const TensorTotals& totals)
{
    return { { "tensors", totals.tensors }, { "parameters", totals.numbers }, { "types", totals.types }, { "bytes", totals.dataBytes } };
}

json inspectModel(const fs::path& folder)
{
    const json model = readJson(folder / "config.json", ErrorKind::Model);
    json content = { { "kind", "model" } };
    for (const char* key : { "architectures", "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
             "vocab_size", "max_position_embeddings", "tie_word_embeddings" })
        if (model.contains(key))
            content["config"][key] = model[key];
    TensorTotals totals;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder))
        if (entry.path().extension() == ".safetensors" && startsWith(entry.path().filename().string(), "model"))
            addTensors(entry.path(), totals);
    content["weights"] = toJson(totals);
    content["tokenizer"] = fs::exists(folder / "tokenizer.json");
    return content;
}

Inspection inspectCheckpoint(const fs::path& folder)
{
    const json manifest = readJson(folder / "manifest.json", ErrorKind::Checkpoint);
    Inspection found;
    found.content = { { "kind", "checkpoint" }, { "step", manifest.value("step", json()) }, { "facts", manifest.value("facts", json::object()) } };
    json files = json::object();
    const json entries = manifest.value("files", json::object());
    for (const auto& [name, entry] : entries.items()) {
        const fs::path path = folder / name;
        std::string state = "ok";
        if (!fs::exists(path))
            state = "missing";
        else if (fs::file_size(path) != entry.value("bytes", std::uint64_t { 0 }))
            state = concat("expected ", entry.value("bytes", std::uint64_t { 0 }), " bytes, found ", fs::file_size(path));
        else if (checksumFile(path) != entry.value("checksum", ""))
            state = "checksum differs";
        found.isDamaged = found.isDamaged || state != "ok";
        files[name] = { { "bytes", entry.value("bytes", std::uint64_t { 0 }) }, { "state", state } };
    }
    found.content["files"] = std::move(files);
    found.content["complete"] = !found.isDamaged;
    if (fs::exists(folder / "config.json"))
        found.content["model"] = inspectModel(folder);
    return found;
}

// What the run says about its data and its reward. A resumed run may say again what it said before: the newest counts.
json findingsOf(const store::RunReader& run)
{
    constexpr std::size_t kMostListed = 200;
    static constexpr std::pair<const char*, const char*> kKinds[] = { { "suspected_label", "suspected_label_errors" },
        { "unusable_references", "unusable_references" }, { "reward_without_progress", "reward_alarms" } };
    const std::vector<store::Event> events = run.eventsSince(0);
    json findings = json::object();
    for (const auto& [rule, name] : kKinds) {
        std::map<std::string, json> newest; // by what it is about
        for (const store::Event& event : events) {
            if (event.rule != rule)
                continue;
            json entry = json::parse(event.data, nullptr, false);
            if (!entry.is_object())
                entry = json::object();
            entry["step"] = event.step;
            entry["message"] = event.message;
            const std::string about = entry.contains("prompt") ? entry["prompt"].dump() : entry.contains("references") ? "" : event.message;
            newest[about] = std::move(entry);
        }
        findings[name] = json::array();
        for (auto& [about, entry] : newest)
            if (findings[name].size() < kMostListed)
                findings[name].push_back(std::move(entry));
    }
    return findings;
}

json inspectDatabase(const fs::path& path)
{
    const store::RunReader run(path);
    const store::RunInfo info = run.info();
    const store::RunProgress progress = run.progress();
    json metrics = json::object();
    for (const auto& [name, value] : run.lastMetrics())
        if (startsWith(name, "val-core/") || startsWith(name, "budget/") || name == "critic/score/mean")
            metrics[name] = value;
    return { { "name", info.name }, { "version", info.version }, { "model", info.modelName }, { "seed", info.seed },
        { "last_step", progress.lastStep ? json(*progress.lastStep) : json() }, { "total_steps", progress.totalSteps }, { "prompts", progress.promptCount },
        { "resumed", std::max<std::int64_t>(progress.segments - 1, 0) }, { "last_metrics", std::move(metrics) }, { "audit", findingsOf(run) } };
}

// How the responses of the newest stored step were graded: verdicts, deciding rules, means of the reward's parts.
json newestGrades(const fs::path& run)
{
    const store::RolloutReader reader(run);
    const std::vector<std::int64_t> steps = reader.steps();
    if (steps.empty())
        return {};
    const std::int64_t step = *std::max_element(steps.begin(), steps.end());
    std::int64_t rollouts = 0;
    std::map<std::string, std::int64_t> verdicts;
    std::map<std::string, std::int64_t> rules;
    std::map<std::string, double> parts;
    for (const store::StoredGroup& group : reader.groups(step)) {
        for (const store::StoredRollout& stored : group.rollouts) {
            const Rollout& rollout = stored.rollout;
            ++rollouts;
            ++verdicts[nameOf(rollout.verdict)];
            ++rules[rollout.rule];
            for (const auto& [name, reward] : rollout.rewardParts)
                parts[name] += reward;
        }
    }
    for (auto& [name, sum] : parts)
        sum /= static_cast<double>(rollouts);
    return { { "step", step }, { "rollouts", rollouts }, { "verdicts", verdicts }, { "rules", rules }, { "mean_reward_parts", parts } };
}

json inspectRun(const fs::path& path)
{
    const launch::RunFolder folder = launch::RunFolder::open(path);
    json content = { { "kind", "run" }, { "state", launch::describe(launch::observeState(folder)) } };
    if (fs::exists(folder.database()))
        content["database"] = inspectDatabase(folder.database());
    try {
        if (store::RolloutReader::exists(path))
            content["grades"] = newestGrades(path);
    } catch (const Error& error) { // a lost or broken rollouts.db costs the texts alone
        content["grades"] = { { "problem", error.what() } };
    }
    std::vector<std::string> checkpoints;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder.checkpoints(), error))
        checkpoints.push_back(entry.path().filename().string());
    std::sort(checkpoints.begin(), checkpoints.end());
    content["checkpoints"] = checkpoints;
    return content;
}

json inspectPrompts(const fs::path& path)
{
    const std::vector<std::string> files = { path.string() };
    const data::PromptSet set = data::loadPrompts(files);
    json content = { { "kind", "prompt set" }, { "prompts", set.prompts.size() }, { "rows", set.report.rows }, { "duplicates", set.report.duplicates },
        { "contradictions", set.report.contradictions.size() }, { "hash", set.hash } };
    if (!set.prompts.empty())
        content["first"] = { { "question", set.prompts.front().question }, { "answer", set.prompts.front().answer } };
    return content;
}

json inspectTimeToTarget(const fs::path& path)
{
    const store::TimeToTarget result = store::readTimeToTarget(path);
    json targets = json::array();
    for (const store::Target& target : result.targets)
        targets.push_back(concat(fixed(target.accuracy, 3), target.isPlateau ? concat(", the plateau of ", result.baseline) : ""));
    json methods = json::object(); // how many runs reached each target
    for (const store::MethodResult& method : result.methods) {
        std::vector<std::string> reached;
        for (const store::ToTarget& toTarget : method.toTarget)
            reached.push_back(concat(toTarget.reached, " of ", method.counted));
        const std::int64_t missing = std::ssize(method.runs) - method.counted;
        methods[method.name] = join(reached, ", ") + (missing > 0 ? concat("; ", missing, " missing") : "");
    }
    return { { "kind", "time-to-target result" }, { "metric", result.metric }, { "baseline", result.baseline }, { "targets", std::move(targets) },
        { "methods", std::move(methods) } };
}

json inspectConfig(const fs::path& path)
{
    const config::LoadedConfig loaded = config::loadConfig(path);
    json changed = json::object();
    for (const config::Difference& difference : config::differences(config::RunConfig {}, loaded.config))
        changed[difference.key] = concat(difference.right, "  (", config::describe(loaded.sourceOf(difference.key)), ")");
    return { { "kind", "configuration" }, { "preset", loaded.preset }, { "not_default", std::move(changed) } };
}

} // namespace

Inspection inspectPath(const fs::path& path)
{
    if (fs::is_directory(path)) {
        if (fs::exists(path / "manifest.json"))
            return inspectCheckpoint(path);
        if (launch::isRunFolder(path))
            return { inspectRun(path) };
        if (fs::exists(path / "config.json"))
            return { inspectModel(path) };
        throw Error(ErrorKind::Data, concat(path.string(), ": expected a run, a checkpoint or a model, found another folder"));
    }
    const std::string extension = toLower(path.extension().string());
    if (extension == ".safetensors") {
        TensorTotals totals;
        addTensors(path, totals);
        json content = toJson(totals);
        content["kind"] = "safetensors";
        return { std::move(content) };
    }
    if (extension == ".jsonl" || extension == ".parquet")
        return { inspectPrompts(path) };
    if (extension == ".db" && store::isTimeToTargetFile(path))
        return { inspectTimeToTarget(path) };
    if (extension == ".db") {
        json content = inspectDatabase(path);
        content["kind"] = "run database";
        return { std::move(content) };
    }
    if (extension == ".toml")
        return { inspectConfig(path) };
    throw Error(ErrorKind::Data, concat(path.string(), ": expected .safetensors, .jsonl, .parquet, .db, .toml or a folder, found '", extension, "'"));
}

} // namespace midpoint::app
