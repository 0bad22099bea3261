// Sequences laid end to end without padding. The rows of a group share one copy of their prompt: its tokens are computed
// once, and every response segment attends to the prompt segment and, causally, to itself.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace midpoint::model {

// Tokens [begin, begin + length) of the batch. They attend to all tokens of [prefixBegin, prefixBegin + prefixLength) and
// causally to their own segment; the position of the first one is prefixLength.
struct PackedSegment {
    std::int64_t begin = 0;
    std::int64_t length = 0;
    std::int64_t prefixBegin = 0;
    std::int64_t prefixLength = 0; // 0: a prompt or a whole sequence
};

struct PackedBatch {
    std::vector<std::int64_t> tokens;
    std::vector<std::int64_t> positions;
    std::vector<PackedSegment> segments;

    // Where log-probs are wanted: the hidden state of packed token scoredTokens[i] predicts token targets[i]. In the order
    // in which responses were added, one entry per response token.
    std::vector<std::int64_t> scoredTokens;
    std::vector<std::int64_t> targets;

    std::int64_t tokenCount() const { return static_cast<std::int64_t>(tokens.size()); }
    std::int64_t scoredCount() const { return static_cast<std::int64_t>(targets.size()); }

    // A prompt and its responses; every response token is scored. A response's last token is scored but not fed: nothing
    // follows it. The prompt must not be empty; an empty response adds nothing.
    void addGroup(std::span<const std::int32_t> prompt, std::span<const std::span<const std::int32_t>> responses);
    // One whole sequence; with Score::Yes every token but the first is scored.
    enum class Score { No, Yes };
    void addSequence(std::span<const std::int32_t> sequence, Score score = Score::No);

private:
    std::int64_t addSegment(std::span<const std::int32_t> ids, std::int64_t prefixBegin, std::int64_t prefixLength);
};

} // namespace midpoint::model
