#include "backend/model/packed_batch.h"

#include "backend/core/error.h"

namespace midpoint::model {

void PackedBatch::addGroup(
    std::span<const std::int32_t> prompt, std::span<const std::span<const std::int32_t>> responses)
{
    MIDPOINT_ASSERT(!prompt.empty(), "the first response token is predicted from the last prompt token");
    const auto promptLength = static_cast<std::int64_t>(prompt.size());
    const std::int64_t lastOfPrompt = addSegment(prompt, 0) + promptLength - 1;
    for (const std::span<const std::int32_t> response : responses) {
        const std::size_t fed = response.empty() ? 0 : response.size() - 1;
        const std::int64_t begin = addSegment(response.first(fed), promptLength);
        for (std::size_t i = 0; i < response.size(); ++i) {
            scoredTokens.push_back(i == 0 ? lastOfPrompt : begin + static_cast<std::int64_t>(i) - 1);
            targets.push_back(response[i]);
        }
    }
    groupOffsets.push_back(static_cast<std::int64_t>(segmentOffsets.size()) - 1);
}

void PackedBatch::addSequence(std::span<const std::int32_t> sequence, Score score)
{
    const std::int64_t begin = addSegment(sequence, 0);
    groupOffsets.push_back(static_cast<std::int64_t>(segmentOffsets.size()) - 1);
    if (score == Score::No)
        return;
    for (std::size_t i = 1; i < sequence.size(); ++i) {
        scoredTokens.push_back(begin + static_cast<std::int64_t>(i) - 1);
        targets.push_back(sequence[i]);
    }
}

std::int64_t PackedBatch::addSegment(std::span<const std::int32_t> ids, std::int64_t firstPosition)
{
    const std::int64_t begin = tokenCount();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        tokens.push_back(ids[i]);
        positions.push_back(firstPosition + static_cast<std::int64_t>(i));
    }
    segmentOffsets.push_back(tokenCount());
    return begin;
}

} // namespace midpoint::model
