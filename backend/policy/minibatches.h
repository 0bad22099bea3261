// How the rows of a step are divided: into mini-batches, one optimizer update each, and those into micro-batches that fit
// the token budget. Nothing here computes.
#pragma once

#include "backend/config/run_config.h"
#include "backend/policy/train_rows.h"

#include <cstdint>
#include <span>
#include <vector>

namespace midpoint::policy {

struct Division {
    std::vector<std::vector<TrainGroup>> miniBatches;
    std::vector<TrainGroup> carried;  // fewer rows with signal than the floor: they wait
    std::int64_t droppedGroups = 0;
};

struct DivisionSettings {
    config::BatchSection batch;
    bool dropGroupsWithoutSignal = false; // only while nothing but the advantage makes a gradient
};

// In the order given; groups are never split between mini-batches.
Division divide(std::vector<TrainGroup> groups, const DivisionSettings& settings);

// The part of a mini-batch that one rank computes: its rows in their order, cut so that the rank with most tokens, prompts included,
// has as few as possible. At most one group is cut in two between neighbours, so that prompts are rarely computed twice.
std::vector<TrainGroup> shareOf(std::vector<TrainGroup> groups, std::int64_t rank, std::int64_t ranks);

// Some rows of one group.
struct GroupRows {
    const TrainGroup* group = nullptr;
    std::vector<const TrainRow*> rows;
};
using MicroBatch = std::vector<GroupRows>;

// The tokens that a response adds to a packed batch: its last one is never fed.
std::int64_t fedTokens(const TrainRow& row);
// In the order given. A group stays in one micro-batch if it fits the budget; otherwise its rows are spread and its prompt
// is computed again in each. A single row longer than the budget gets a micro-batch of its own.
std::vector<MicroBatch> pack(std::span<const TrainGroup> groups, std::int64_t tokensPerMicrobatch);

} // namespace midpoint::policy
