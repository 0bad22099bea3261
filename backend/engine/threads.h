// How many threads the computing of one command uses.
#pragma once

#include <cstdint>

namespace midpoint::engine {

// Threads of one of `ranks` on this host when the configuration leaves it open: OMP_NUM_THREADS where a user or a launcher has set
// it, else its share of the cores. At least 1.
std::int64_t defaultThreads(std::int64_t ranks = 1);

// Sets LibTorch's thread count (0: the default) for as long as it lives.
class ThreadScope {
public:
    explicit ThreadScope(std::int64_t threads);
    ~ThreadScope();
    ThreadScope(const ThreadScope&) = delete;
    ThreadScope& operator=(const ThreadScope&) = delete;

private:
    int m_before;
};

} // namespace midpoint::engine
