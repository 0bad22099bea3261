#include "backend/policy/rank_group.h"

#include <algorithm>

namespace midpoint::policy {

Shard shardOf(std::int64_t elements, std::int64_t rank, std::int64_t ranks)
{
    const std::int64_t each = (elements + ranks - 1) / ranks;
    const std::int64_t begin = std::min(elements, rank * each);
    return { begin, std::min(elements, begin + each) - begin };
}

torch::Tensor shardView(const torch::Tensor& tensor, const Shard& shard)
{
    return shard.count == tensor.numel() ? tensor : tensor.view(-1).narrow(0, shard.begin, shard.count);
}

} // namespace midpoint::policy
