#include "backend/distributed/shard_sequence.h"

#include "backend/core/error.h"
#include "backend/policy/rank_group.h"

#include <algorithm>

namespace midpoint::distributed {

ShardSequence::ShardSequence(std::vector<torch::Tensor> tensors, std::int64_t ranks)
    : m_tensors(std::move(tensors))
    , m_ranks(ranks)
    , m_elementBytes(m_tensors.front().element_size())
{
    std::int64_t end = 0;
    for (const torch::Tensor& tensor : m_tensors) {
        MIDPOINT_ASSERT(tensor.is_contiguous() && tensor.is_cpu() && tensor.element_size() == m_elementBytes, "what travels together");
        end += policy::shardOf(tensor.numel(), 0, ranks).count; // the first shard is the longest
        m_ends.push_back(end);
    }
}

void ShardSequence::forEach(const ElementRange& range, std::int64_t rank, const Visit& visit) const
{
    std::int64_t at = range.begin;
    const std::int64_t end = range.begin + range.count;
    auto t = static_cast<std::size_t>(std::upper_bound(m_ends.begin(), m_ends.end(), at) - m_ends.begin());
    for (; at < end; at = m_ends[t], ++t) {
        const torch::Tensor& tensor = m_tensors[t];
        const policy::Shard shard = policy::shardOf(tensor.numel(), rank, m_ranks);
        const std::int64_t within = at - (t == 0 ? 0 : m_ends[t - 1]);
        const std::int64_t count = std::min(std::min(end, m_ends[t]) - at, shard.count - within);
        if (count > 0)
            visit(static_cast<std::byte*>(tensor.data_ptr()) + (shard.begin + within) * m_elementBytes, at - range.begin, count);
    }
}

} // namespace midpoint::distributed
