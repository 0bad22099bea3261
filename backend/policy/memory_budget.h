// How many tokens go through the model at once. When that does not fit into memory, half as many do from then on.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace midpoint::policy {

// Whether memory has run out; the C++ library and LibTorch's allocators each say it in their own way.
bool isOutOfMemory(const std::exception& error);

struct MemorySplit {
    std::int64_t tokensBefore = 0;
    std::int64_t tokensAfter = 0;
    std::string reason; // what the allocator said
};

class MemoryBudget {
public:
    explicit MemoryBudget(std::int64_t tokens)
        : m_tokens(tokens)
    {
    }
    std::int64_t tokens() const { return m_tokens; }

    // work(tokens), again with half as many tokens for as long as memory runs out. The work must be one that can begin again.
    // Throws Error{Resource} when nothing is left to halve.
    template <typename Work>
    auto fit(const Work& work)
    {
        while (true) {
            try {
                return work(m_tokens);
            } catch (const std::exception& error) {
                if (!isOutOfMemory(error))
                    throw;
                halve(error);
            }
        }
    }
    std::vector<MemorySplit> takeSplits() { return std::exchange(m_splits, {}); }

private:
    void halve(const std::exception& error);

    std::int64_t m_tokens;
    std::vector<MemorySplit> m_splits;
};

} // namespace midpoint::policy
