// What a run is made of: everything the trainer works with, built once from the configuration. Every rank has what computes;
// what decides is on rank 0 alone.
#pragma once

#include "backend/config/run_config.h"
#include "backend/difficulty/ledger.h"
#include "backend/difficulty/prompt_pool.h"
#include "backend/difficulty/selector.h"
#include "backend/distributed/rank_group.h"
#include "backend/distributed/rendezvous.h"
#include "backend/engine/api.h"
#include "backend/engine/crew.h"
#include "backend/engine/evaluation.h"
#include "backend/engine/health.h"
#include "backend/engine/memory_ledger.h"
#include "backend/engine/pool_prompt.h"
#include "backend/engine/roller.h"
#include "backend/engine/trainer_state.h"
#include "backend/model/model.h"
#include "backend/policy/policy_update.h"
#include "backend/replay/replay_buffer.h"
#include "backend/tokenizer/tokenizer.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::engine {

struct RunParts {
    config::RunConfig config;
    std::filesystem::path runFolder;
    std::string resolvedToml;
    std::string device;           // of this rank, "cpu" or "cuda:N"
    distributed::Meeting meeting; // with the other ranks
    std::unique_ptr<distributed::CommunicatingRanks> ranks; // null: one alone
    std::unique_ptr<Tokenizer> tokenizer;
    std::unique_ptr<LoadedPrompts> prompts;
    std::unique_ptr<difficulty::PromptPool> pool;
    std::unique_ptr<model::Model> model;
    std::unique_ptr<model::Model> reference; // only with a KL coefficient above 0
    std::unique_ptr<Roller> roller;
    std::unique_ptr<policy::PolicyUpdate> update;
    // From here on of rank 0 alone.
    std::unique_ptr<Crew> crew;
    std::unique_ptr<Evaluator> evaluator;    // null without held-out files
    std::unique_ptr<difficulty::Selector> selector;
    std::unique_ptr<replay::ReplayBuffer> buffer; // null without replay
    difficulty::Ledger ledger;
    HealthRules health { config::HealthSection {} };
    RunProgress progress;
    RunAudit audit;
    MemoryLedger memory; // as planned
    std::vector<store::Event> dataFindings; // about the prompts, to be stored when the run starts

    TrainerState state() { return { progress, *model, *update, ledger, *selector, buffer.get(), audit }; }
    CheckpointFacts facts() const;
    bool computesOnDevice() const { return device != "cpu"; }
};

// Loads data, tokenizer and model, meets the other ranks and connects all. Throws for every kind of bad input before anything is
// written.
RunParts assembleRun(const RankOptions& options, Session& session, distributed::OperationObserver observer);

} // namespace midpoint::engine
