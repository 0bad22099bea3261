#include "backend/engine/threads.h"

#include <algorithm>
#include <thread>

namespace midpoint::engine {

ThreadScope::ThreadScope(std::int64_t threads)
    : m_before(at::get_num_threads())
{
    const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
    at::set_num_threads(static_cast<int>(std::max<std::int64_t>(1, threads > 0 ? threads : cores)));
}

ThreadScope::~ThreadScope() { at::set_num_threads(m_before); }

} // namespace midpoint::engine
