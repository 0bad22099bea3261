// Selection strategies: which prompts are rolled out next, given what is believed about each. A strategy has no state
// and its random numbers are keyed by (seed, step, prompt id), so the choice depends neither on the order of the pool
// nor on the past.
#pragma once

#include "backend/config/run_config.h"
#include "backend/core/rollout.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace midpoint::difficulty {

// Spans are by position in the pool; those that a strategy does not need may be empty.
struct SelectionInput {
    std::uint64_t seed = 0;
    std::int64_t step = 0;
    std::int64_t count = 0; // prompts wanted
    std::span<const PromptId> ids = {};
    std::span<const double> mean = {}; // of the belief: success rate
    std::span<const double> deviation = {};
    std::span<const double> signal = {}; // expected p (1 - p)
    std::span<const double> tokens = {}; // expected length of a response; empty: not known
    std::span<const std::int32_t> clusters = {}; // kind of each prompt, from 0; empty: no quota
    std::int64_t clusterCount = 0;
    std::span<const std::uint8_t> blocked = {}; // 1: must not be chosen
    std::span<const std::int64_t> lastChosenStep = {}; // -1: never
};

struct Selection {
    std::vector<std::int64_t> prompts; // positions in the pool, all different, best first
    std::optional<double> entropyNats; // of the distribution of a single draw
};

class SelectionStrategy {
public:
    virtual ~SelectionStrategy() = default;
    virtual const char* name() const = 0;
    virtual bool needsBelief() const = 0;
    // `count` prompts that are not blocked, or all of them if there are fewer.
    virtual Selection select(const SelectionInput& input) const = 0;
};

// Throws Error{Config} for an unknown name.
std::unique_ptr<SelectionStrategy> makeStrategy(const config::SelectionSection& options);

} // namespace midpoint::difficulty
