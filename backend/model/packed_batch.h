// Sequences laid end to end without padding. The rows of a group share one copy of their prompt: its tokens are computed
// once, and every response segment attends to the prompt segment and, causally, to itself. The offsets are those of
// kernels/packed_attention.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace midpoint::model {

struct PackedBatch {
    std::vector<std::int64_t> tokens;
    std::vector<std::int64_t> positions;             // of each token in its own sequence (prompt, then response)
    std::vector<std::int64_t> segmentOffsets = { 0 }; // segment s covers tokens [segmentOffsets[s], segmentOffsets[s + 1])
    std::vector<std::int64_t> groupOffsets = { 0 };   // group g owns segments [groupOffsets[g], groupOffsets[g + 1]), its prompt first

    // Where log-probs are wanted: the hidden state of packed token scoredTokens[i] predicts token targets[i]. In the order
    // in which responses were added, one entry per response token.
    std::vector<std::int64_t> scoredTokens;
    std::vector<std::int64_t> targets;

    std::int64_t tokenCount() const { return static_cast<std::int64_t>(tokens.size()); }
    std::int64_t scoredCount() const { return static_cast<std::int64_t>(targets.size()); }

    // A prompt and its responses; every response token is scored. A response's last token is scored but not fed: nothing
    // follows it. The prompt must not be empty; an empty response scores nothing.
    void addGroup(std::span<const std::int32_t> prompt, std::span<const std::span<const std::int32_t>> responses);
    // One whole sequence; with Score::Yes every token but the first is scored.
    enum class Score { No, Yes };
    void addSequence(std::span<const std::int32_t> sequence, Score score = Score::No);

private:
    // Returns the index of its first token.
    std::int64_t addSegment(std::span<const std::int32_t> ids, std::int64_t firstPosition);
};

} // namespace midpoint::model
