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

namespace {

// Gives the rows out one after another, to the next rank when `most` tokens are full. A group that goes on there needs its prompt
// once more. Calls take(group, row, rank) for every row; returns the ranks that are needed.
template <typename Take>
std::int64_t dealRows(std::span<const TrainGroup> groups, std::int64_t most, const Take& take)
{
    std::int64_t rank = 0;
    std::int64_t filled = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
        const auto prompt = std::ssize(groups[g].promptTokens);
        bool isOpen = false; // whether the group has begun on this rank
        for (std::size_t r = 0; r < groups[g].rows.size(); ++r) {
            const std::int64_t row = fedTokens(groups[g].rows[r]);
            if (filled > 0 && filled + row + (isOpen ? 0 : prompt) > most) {
                ++rank;
                filled = 0;
                isOpen = false;
            }
            filled += row + (isOpen ? 0 : prompt);
            isOpen = true;
            take(g, r, rank);
        }
    }
    return rank + 1;
}

} // namespace

std::vector<TrainGroup> shareOf(std::vector<TrainGroup> groups, std::int64_t rank, std::int64_t ranks)
{
    if (ranks == 1)
        return groups;
    // The fewest tokens for the rank that has most.
    std::int64_t tooFew = 0;
    std::int64_t enough = 1;
    const auto nothing = [](std::size_t, std::size_t, std::int64_t) {};
    while (dealRows(groups, enough, nothing) > ranks) {
        tooFew = enough;
        enough *= 2;
    }
    while (enough - tooFew > 1) {
        const std::int64_t middle = tooFew + (enough - tooFew) / 2;
        (dealRows(groups, middle, nothing) > ranks ? tooFew : enough) = middle;
    }
    std::vector<TrainGroup> share;
    std::size_t last = groups.size();
    dealRows(groups, enough, [&](std::size_t g, std::size_t r, std::int64_t owner) {
        if (owner != rank)
            return;
        if (last != g)
            share.push_back(withoutRows(groups[g]));
        last = g;
        share.back().rows.push_back(std::move(groups[g].rows[r])); // dealt, and not looked at again
    });
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
