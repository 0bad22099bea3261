#include "backend/difficulty/prompt_pool.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

namespace midpoint::difficulty {

PromptPool::PromptPool(std::vector<PromptId> ids)
    : m_ids(std::move(ids))
{
    m_indexOf.reserve(m_ids.size());
    for (const PromptId id : m_ids) {
        const auto [place, isNew] = m_indexOf.emplace(id, static_cast<std::int64_t>(m_indexOf.size()));
        if (!isNew)
            throw Error(ErrorKind::Data,
                concat("prompt pool: the id ", id, " stands twice, first at position ", place->second));
    }
}

std::optional<std::int64_t> PromptPool::indexOf(PromptId id) const
{
    const auto place = m_indexOf.find(id);
    return place == m_indexOf.end() ? std::nullopt : std::optional(place->second);
}

} // namespace midpoint::difficulty
