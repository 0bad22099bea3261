#include "backend/engine/trainer_state.h"

#include "backend/core/bytes.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/engine/wire.h"

#include <nlohmann/json.hpp>

namespace midpoint::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kCarriedTag = "carried rows 1";

std::string carriedBytes(const std::vector<policy::TrainGroup>& groups)
{
    ByteWriter writer;
    writer.putText(kCarriedTag);
    writer.put(static_cast<std::uint64_t>(groups.size()));
    for (const policy::TrainGroup& group : groups) {
        writer.put(group.id);
        writer.put(static_cast<std::uint8_t>(group.isReplayed));
        writer.putVector(group.promptTokens);
        putRows(writer, group.rows);
    }
    return writer.take();
}

std::vector<policy::TrainGroup> carriedFromBytes(std::string_view bytes)
{
    ByteReader reader(bytes, "carried.bin");
    reader.expectTag(kCarriedTag);
    std::vector<policy::TrainGroup> groups(reader.get<std::uint64_t>());
    for (policy::TrainGroup& group : groups) {
        group.id = reader.get<std::int64_t>();
        group.isReplayed = reader.get<std::uint8_t>() != 0;
        group.isCarried = true;
        group.promptTokens = reader.getVector<std::int32_t>();
        group.rows = getRows(reader);
    }
    reader.expectEnd();
    return groups;
}

json freshFractionJson(const replay::FreshFraction::State& state)
{
    return { { "measured_steps", state.measuredSteps }, { "cost_ratio", state.costRatio },
        { "generation_seconds", state.generationSeconds }, { "generation_tokens", state.generationTokens },
        { "training_seconds", state.trainingSeconds }, { "training_tokens", state.trainingTokens }, { "generated", state.generated },
        { "fresh_groups", state.freshGroups }, { "fresh_tokens", state.freshTokens }, { "replayed_groups", state.replayedGroups },
        { "replayed_tokens", state.replayedTokens }, { "effective_share", state.effectiveShare } };
}

replay::FreshFraction::State freshFractionFromJson(const json& root)
{
    replay::FreshFraction::State state;
    state.measuredSteps = root.at("measured_steps").get<std::int64_t>();
    const std::pair<const char*, double*> numbers[] = { { "cost_ratio", &state.costRatio },
        { "generation_seconds", &state.generationSeconds }, { "generation_tokens", &state.generationTokens },
        { "training_seconds", &state.trainingSeconds }, { "training_tokens", &state.trainingTokens }, { "generated", &state.generated },
        { "fresh_groups", &state.freshGroups }, { "fresh_tokens", &state.freshTokens }, { "replayed_groups", &state.replayedGroups },
        { "replayed_tokens", &state.replayedTokens }, { "effective_share", &state.effectiveShare } };
    for (const auto& [key, value] : numbers)
        *value = root.at(key).get<double>();
    return state;
}

json progressJson(const RunProgress& progress)
{
    const Budget& budget = progress.budget;
    return { { "step", progress.step },
        { "budget",
            { { "rollouts", budget.rollouts }, { "generated_tokens", budget.generatedTokens },
                { "trained_tokens", budget.trainedTokens }, { "train_seconds", budget.trainSeconds },
                { "cpu_seconds", budget.cpuSeconds }, { "evaluation_seconds", budget.evaluationSeconds },
                { "oracle_rollouts", budget.oracleRollouts }, { "oracle_tokens", budget.oracleTokens },
                { "oracle_seconds", budget.oracleSeconds } } },
        { "fresh_fraction", freshFractionJson(progress.freshFraction.state()) },
        { "active_rules", progress.activeRules }, { "recomputes_logprobs", progress.recomputesLogprobs },
        { "pinned", progress.pinned }, { "excluded", progress.excluded },
        { "changed_settings", progress.changedSettings } };
}

RunProgress progressFromJson(const fs::path& path)
{
    try {
        const json root = json::parse(readFile(path));
        RunProgress progress;
        progress.step = root.at("step").get<std::int64_t>();
        const json& budget = root.at("budget");
        progress.budget.rollouts = budget.at("rollouts").get<std::int64_t>();
        progress.budget.generatedTokens = budget.at("generated_tokens").get<std::int64_t>();
        progress.budget.trainedTokens = budget.at("trained_tokens").get<std::int64_t>();
        progress.budget.trainSeconds = budget.at("train_seconds").get<double>();
        progress.budget.evaluationSeconds = budget.at("evaluation_seconds").get<double>();
        progress.budget.cpuSeconds = budget.at("cpu_seconds").get<double>();
        progress.budget.oracleRollouts = budget.at("oracle_rollouts").get<std::int64_t>();
        progress.budget.oracleTokens = budget.at("oracle_tokens").get<std::int64_t>();
        progress.budget.oracleSeconds = budget.at("oracle_seconds").get<double>();
        progress.freshFraction.setState(freshFractionFromJson(root.at("fresh_fraction")));
        progress.activeRules = root.at("active_rules").get<std::set<std::string>>();
        progress.recomputesLogprobs = root.at("recomputes_logprobs").get<bool>();
        progress.pinned = root.at("pinned").get<std::vector<PromptId>>();
        progress.excluded = root.at("excluded").get<std::vector<PromptId>>();
        progress.changedSettings = root.at("changed_settings").get<std::map<std::string, std::string>>();
        return progress;
    } catch (const json::exception& error) {
        throw Error(ErrorKind::Checkpoint, concat(path.string(), ": expected the progress of a run, found ", error.what()));
    }
}

bool isRounded(const model::Model& model) { return model.options().computeType != torch::kFloat32; }

std::vector<model::NamedTensor> readAll(const fs::path& path)
{
    const model::SafetensorsFile file(path);
    std::vector<model::NamedTensor> tensors;
    for (const auto& [name, info] : file.tensors())
        tensors.emplace_back(name, file.read(name));
    return tensors;
}

// Whole masters, gathered for a checkpoint, go again however that ends.
struct MastersOnLoan {
    const TrainerState& state;
    ~MastersOnLoan() { state.update.optimizer().releaseMasters(state.model.parameters()); }
};

} // namespace

void readMasterWeights(const fs::path& path, model::Model& model)
{
    const model::SafetensorsFile file(path);
    torch::NoGradGuard noGrad;
    for (const auto& [name, tensor] : model.namedTensors()) {
        torch::Tensor target = tensor;
        target.copy_(file.read(name, tensor.sizes(), torch::kFloat32));
    }
    model.refreshComputeWeights();
}

void restoreTrained(const fs::path& folder, model::Model& model, policy::PolicyUpdate& update)
{
    update.optimizer().makeRoomForMasters(model.parameters());
    if (isRounded(model) && fs::exists(folder / "master.safetensors"))
        readMasterWeights(folder / "master.safetensors", model);
    else
        model.readWeights(folder);
    update.optimizer().takeMasters(model.parameters());
    const auto optimizer = readAll(folder / "optimizer.safetensors");
    update.optimizer().restore(optimizer);
}

fs::path saveCheckpoint(const fs::path& checkpointsFolder, const TrainerState& state, const std::vector<model::NamedTensor>& optimizer,
    const CheckpointFacts& facts)
{
    const MastersOnLoan masters { state };
    checkpoint::CheckpointWriter writer(checkpointsFolder, state.progress.step);
    const fs::path& folder = writer.folder();
    state.model.save(folder, state.model.options().computeType, facts.tokenizerFolder);
    if (isRounded(state.model))
        model::writeSafetensors(folder / "master.safetensors", state.model.namedTensors());
    model::writeSafetensors(folder / "optimizer.safetensors", optimizer);
    writer.write("carried.bin", carriedBytes(state.update.carried()));
    writer.write("ledger.bin", state.ledger.serialise());
    writer.write("selector.bin", state.selector.saveState());
    if (state.buffer != nullptr)
        writer.write("replay.bin", state.buffer->serialise());
    writer.write("audit.bin", state.audit.serialise());
    writer.write("progress.json", progressJson(state.progress).dump(2) + "\n");
    writer.write("resolved.toml", facts.resolvedToml);
    return writer.commit({ { "data_hash", facts.dataHash }, { "dtype", torch::toString(state.model.options().computeType) } });
}

void restoreCheckpoint(const fs::path& folder, TrainerState& state, const CheckpointFacts& facts, bool allowDatasetChange)
{
    const checkpoint::Manifest manifest = checkpoint::verify(folder);
    const auto saved = manifest.facts.find("data_hash");
    const std::string savedHash = saved != manifest.facts.end() ? saved->second : "none";
    if (savedHash != facts.dataHash && !allowDatasetChange)
        throw Error(ErrorKind::Checkpoint,
            concat(folder.string(), ": expected to continue on the same data (hash ", savedHash, "), found data with hash ",
                facts.dataHash, ". Set data.allow_dataset_change = true if this is meant."));

    restoreTrained(folder, state.model, state.update);
    state.update.setCarried(carriedFromBytes(readFile(folder / "carried.bin")));
    state.ledger = difficulty::Ledger::deserialise(readFile(folder / "ledger.bin"));
    if (state.buffer != nullptr && fs::exists(folder / "replay.bin"))
        state.buffer->restore(readFile(folder / "replay.bin"));
    if (fs::exists(folder / "audit.bin"))
        state.audit.restore(readFile(folder / "audit.bin"));
    state.progress = progressFromJson(folder / "progress.json");
    // A changed pool has other positions: the choice of the present round means nothing there.
    if (savedHash == facts.dataHash)
        state.selector.restoreState(readFile(folder / "selector.bin"));
}

} // namespace midpoint::engine
