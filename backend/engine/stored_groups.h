// What rollouts.db keeps of a step: whole groups, with their texts, advantages and log-probs.
#pragma once

#include "backend/engine/step_outcome.h"
#include "backend/store/rollout_store.h"
#include "backend/tokenizer/tokenizer.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace midpoint::engine {

// At most `maxRollouts` (-1: all), fresh ones and then replayed ones, with their advantages.
std::vector<store::StoredGroup> storedGroups(const StepOutcome& outcome, std::int64_t maxRollouts, const Tokenizer& tokenizer);
// Where in the decoded text each token ends, in bytes; empty if the tokens do not spell the text (bytes that are no UTF-8).
std::vector<std::int32_t> tokenEnds(const Tokenizer& tokenizer, std::span<const std::int32_t> tokens, std::string_view text);

} // namespace midpoint::engine
