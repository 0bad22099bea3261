#include "backend/engine/threads.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

namespace midpoint::engine {

std::int64_t defaultThreads(std::int64_t ranks)
{
    const char* wish = std::getenv("OMP_NUM_THREADS");
    const long wished = wish == nullptr ? 0 : std::strtol(wish, nullptr, 10); // of a list the first, which is for the outermost loop
    const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
    return std::max<std::int64_t>(1, wished > 0 ? wished : cores / ranks);
}

ThreadScope::ThreadScope(std::int64_t threads)
    : m_before(at::get_num_threads())
{
    at::set_num_threads(static_cast<int>(threads > 0 ? threads : defaultThreads()));
}

ThreadScope::~ThreadScope() { at::set_num_threads(m_before); }

} // namespace midpoint::engine
