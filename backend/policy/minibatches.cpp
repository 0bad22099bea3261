#include "backend/policy/minibatches.h"

#include <algorithm>
#include <utility>

namespace midpoint::policy {
namespace {

std::int64_t rowsWithSignal(std::span<const TrainGroup> groups)
{
    std::int64_t rows = 0;
    for (const TrainGroup& group : groups)
        rows += group.hasSignal() ? static_cast<std::int64_t>(group.rows.size()) : 0;
    return rows;
}

bool isFull(std::span<const TrainGroup> groups, const config::BatchSection& batch)
{
    return batch.rowsPerUpdate > 0 ? rowsWithSignal(groups) >= batch.rowsPerUpdate
                                   : static_cast<std::int64_t>(groups.size()) >= batch.promptsPerUpdate;
}

TrainGroup withoutRows(const TrainGroup& group)
{
    TrainGroup empty { .id = group.id, .promptTokens = group.promptTokens, .rows = {} };
    empty.isReplayed = group.isReplayed;
    empty.isCarried = group.isCarried;
    return empty;
}

bool hasTokens(const TrainGroup& group)
{
    return std::any_of(group.rows.begin(), group.rows.end(), [](const TrainRow& row) { return !row.tokens.empty(); });
}

} // namespace

Division divide(std::vector<TrainGroup> groups, const DivisionSettings& settings)
{
    Division division;
    std::vector<TrainGroup> next;
    const auto finish = [&] {
        if (rowsWithSignal(next) < settings.batch.minRowsPerUpdate)
            return; // keeps collecting
        division.miniBatches.push_back(std::exchange(next, {}));
    };
    for (TrainGroup& group : groups) {
        if (!hasTokens(group) || (settings.dropGroupsWithoutSignal && !group.hasSignal())) {
            ++division.droppedGroups;
            continue;
        }
        next.push_back(std::move(group));
        if (isFull(next, settings.batch))
            finish();
    }
    if (!next.empty())
        finish();
    division.carried = std::move(next);
    return division;
}

std::int64_t fedTokens(const TrainRow& row) { return std::max<std::int64_t>(static_cast<std::int64_t>(row.tokens.size()) - 1, 0); }

std::vector<TrainGroup> shareOf(std::vector<TrainGroup> groups, std::int64_t rank, std::int64_t ranks)
{
    if (ranks == 1)
        return groups;
    double total = 0.0;
    for (const TrainGroup& group : groups)
        for (const TrainRow& row : group.rows)
            total += static_cast<double>(row.tokens.size());
    // A row belongs to the rank that the middle of its tokens falls to.
    std::vector<TrainGroup> share;
    double before = 0.0;
    for (TrainGroup& group : groups) {
        TrainGroup part = withoutRows(group);
        for (TrainRow& row : group.rows) {
            const auto tokens = static_cast<double>(row.tokens.size());
            const double middle = (before + tokens / 2.0) / std::max(total, 1.0);
            before += tokens;
            if (std::min(static_cast<std::int64_t>(middle * static_cast<double>(ranks)), ranks - 1) == rank)
                part.rows.push_back(std::move(row));
        }
        if (!part.rows.empty())
            share.push_back(std::move(part));
    }
    return share;
}

std::vector<MicroBatch> pack(std::span<const TrainGroup> groups, std::int64_t tokensPerMicrobatch)
{
    std::vector<MicroBatch> microBatches;
    std::int64_t used = tokensPerMicrobatch; // nothing fits before the first is opened
    for (const TrainGroup& group : groups) {
        const auto promptTokens = static_cast<std::int64_t>(group.promptTokens.size());
        std::int64_t groupTokens = promptTokens;
        for (const TrainRow& row : group.rows)
            groupTokens += fedTokens(row);
        bool isOpen = false; // whether the group has begun in the present micro-batch
        if (used + groupTokens > tokensPerMicrobatch) {
            microBatches.emplace_back();
            used = 0;
        }
        for (const TrainRow& row : group.rows) {
            if (row.tokens.empty())
                continue;
            if (isOpen && used + fedTokens(row) > tokensPerMicrobatch) {
                microBatches.emplace_back();
                used = 0;
                isOpen = false;
            }
            if (!isOpen) {
                microBatches.back().push_back({ .group = &group, .rows = {} });
                used += promptTokens;
                isOpen = true;
            }
            microBatches.back().back().rows.push_back(&row);
            used += fedTokens(row);
        }
    }
    std::erase_if(microBatches, [](const MicroBatch& batch) { return batch.empty(); });
    return microBatches;
}

} // namespace midpoint::policy
