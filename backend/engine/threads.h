// How many threads the computing of one command uses.
#pragma once

#include <cstdint>

namespace midpoint::engine {

// Sets LibTorch's thread count (0: all cores) for as long as it lives.
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
