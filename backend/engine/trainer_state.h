// What a checkpoint holds besides the Hugging Face folder, and how it is compared with the run that wants to continue.
//
//   config.json, model.safetensors, tokenizer.json, generation_config.json   the policy, usable anywhere
//   master.safetensors      float32 master weights, when model.safetensors is rounded
//   optimizer.safetensors   AdamW's moments and update count
//   ledger.bin, selector.bin, replay.bin, carried.bin, audit.bin, progress.json   the rest of the loop
//   resolved.toml           the configuration it was made with
#pragma once

#include "backend/checkpoint/checkpoint.h"
#include "backend/config/run_config.h"
#include "backend/difficulty/ledger.h"
#include "backend/difficulty/selector.h"
#include "backend/engine/run_audit.h"
#include "backend/engine/step_outcome.h"
#include "backend/model/model.h"
#include "backend/policy/policy_update.h"
#include "backend/replay/fresh_fraction.h"
#include "backend/replay/replay_buffer.h"

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace midpoint::engine {

// The small parts of the loop's state.
struct RunProgress {
    std::int64_t step = 0; // steps completed
    Budget budget;
    std::set<std::string> activeRules;
    bool recomputesLogprobs = false;
    replay::FreshFraction freshFraction;
    std::vector<PromptId> pinned;
    std::vector<PromptId> excluded;
    std::map<std::string, std::string> changedSettings; // by command while running
};

// Everything that a checkpoint saves and restores; references to the trainer's own objects.
struct TrainerState {
    RunProgress& progress;
    model::Model& model;
    policy::PolicyUpdate& update;
    difficulty::Ledger& ledger;
    difficulty::Selector& selector;
    replay::ReplayBuffer* buffer; // null: no replay
    RunAudit& audit;
};

struct CheckpointFacts {
    std::string dataHash;
    std::string resolvedToml;
    std::filesystem::path tokenizerFolder;
};

// Returns the folder. Throws Error{Io}; the last complete checkpoint stays whatever happens. Masters and optimizer state are those of
// all ranks, brought together before (Crew::gatherTrained); whole masters are let go of again.
std::filesystem::path saveCheckpoint(const std::filesystem::path& checkpointsFolder, const TrainerState& state,
    const std::vector<model::NamedTensor>& optimizer, const CheckpointFacts& facts);

// Restores the state from a verified checkpoint. Throws Error{Checkpoint}: damaged, other data (unless allowed), other model.
void restoreCheckpoint(const std::filesystem::path& folder, TrainerState& state, const CheckpointFacts& facts,
    bool allowDatasetChange);

// The part of it that every rank restores: weights and optimizer state, of which each keeps its own shards.
void restoreTrained(const std::filesystem::path& folder, model::Model& model, policy::PolicyUpdate& update);

// Replaces the float32 masters by the values of a master.safetensors.
void readMasterWeights(const std::filesystem::path& file, model::Model& model);

} // namespace midpoint::engine
