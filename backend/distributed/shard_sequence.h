// The shards of several tensors, one after another: a place in the sequence is the same place in the shard of every rank.
#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace midpoint::distributed {

struct ElementRange {
    std::int64_t begin = 0;
    std::int64_t count = 0;
};

class ShardSequence {
public:
    // Contiguous tensors of one type in the host's memory; at least one.
    ShardSequence(std::vector<torch::Tensor> tensors, std::int64_t ranks);

    std::int64_t elements() const { return m_ends.back(); } // of the longest shards
    std::int64_t elementBytes() const { return m_elementBytes; }

    // Calls visit(data, offset, count) for each part of the range that lies together in the shards of `rank`; `offset` counts from the
    // begin of the range, in elements. What a shorter shard lacks is left out.
    using Visit = std::function<void(std::byte* data, std::int64_t offset, std::int64_t count)>;
    void forEach(const ElementRange& range, std::int64_t rank, const Visit& visit) const;

private:
    std::vector<torch::Tensor> m_tensors;
    std::int64_t m_ranks;
    std::int64_t m_elementBytes;
    std::vector<std::int64_t> m_ends; // of the shards in the sequence, by tensor
};

} // namespace midpoint::distributed
