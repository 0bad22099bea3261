#include "backend/policy/memory_budget.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <c10/util/Exception.h>

#include <new>

namespace midpoint::policy {
namespace {

constexpr std::int64_t kFewestTokens = 32;

std::string firstLine(const std::exception& error)
{
    const auto* ofTorch = dynamic_cast<const c10::Error*>(&error);
    const std::string text = ofTorch != nullptr ? ofTorch->what_without_backtrace() : error.what();
    return text.substr(0, text.find('\n'));
}

} // namespace

bool isOutOfMemory(const std::exception& error)
{
    if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr || dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr)
        return true;
    // The CPU's allocator throws a plain error.
    return dynamic_cast<const c10::Error*>(&error) != nullptr
        && std::string_view(error.what()).find("can't allocate memory") != std::string_view::npos;
}

void MemoryBudget::halve(const std::exception& error)
{
    const std::int64_t half = m_tokens / 2;
    if (half < kFewestTokens)
        throw Error(ErrorKind::Resource, concat("out of memory: not even ", m_tokens, " tokens fit (", firstLine(error),
            "); switch model.activation_checkpointing on, or lower rollout.kv_cache_megabytes or rollout.max_new_tokens"));
    m_splits.push_back({ m_tokens, half, firstLine(error) });
    m_tokens = half;
}

} // namespace midpoint::policy
