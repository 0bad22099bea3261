// The prompts that a run can choose from, in the order of its prompt table, and the way from an id to its position.
#pragma once

#include "backend/core/rollout.h"

#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace midpoint::difficulty {

class PromptPool {
public:
    explicit PromptPool(std::vector<PromptId> ids); // throws Error{Data} when an id stands twice

    std::int64_t size() const { return static_cast<std::int64_t>(m_ids.size()); }
    std::span<const PromptId> ids() const { return m_ids; }
    PromptId idAt(std::int64_t index) const { return m_ids[static_cast<std::size_t>(index)]; }
    std::optional<std::int64_t> indexOf(PromptId id) const;

private:
    std::vector<PromptId> m_ids;
    std::unordered_map<PromptId, std::int64_t> m_indexOf;
};

} // namespace midpoint::difficulty
