#include "backend/distributed/rank_group.h"

#include <algorithm>

namespace midpoint::distributed {
namespace {

constexpr std::int64_t kGatherBytes = 64 << 20; // weights go in pieces, so that the copies stay small

std::int64_t blockOf(const torch::Tensor& tensor, std::int64_t ranks) { return (tensor.numel() + ranks - 1) / ranks; }

std::int64_t blockOf(std::span<const torch::Tensor> tensors, std::int64_t ranks)
{
    std::int64_t block = 0;
    for (const torch::Tensor& tensor : tensors)
        block += blockOf(tensor, ranks);
    return block;
}

// Between tensors and a buffer with one block per rank: a rank's block holds its shard of every tensor, one after another.
enum class Direction { IntoBlocks, OutOfBlocks };
void copyShards(std::span<const torch::Tensor> tensors, const torch::Tensor& blocks, std::int64_t ranks, Direction direction)
{
    std::int64_t offset = 0;
    for (const torch::Tensor& tensor : tensors) {
        for (std::int64_t rank = 0; rank < ranks; ++rank) {
            const policy::Shard shard = policy::shardOf(tensor.numel(), rank, ranks);
            if (shard.count == 0)
                continue;
            const torch::Tensor part = tensor.view(-1).narrow(0, shard.begin, shard.count);
            const torch::Tensor place = blocks[rank].narrow(0, offset, shard.count);
            if (direction == Direction::IntoBlocks)
                place.copy_(part);
            else
                part.copy_(place);
        }
        offset += blockOf(tensor, ranks);
    }
}

} // namespace

void CommunicatingRanks::reduce(std::span<double> values, Reduction reduction, const char* name)
{
    const torch::Tensor tensor = torch::from_blob(values.data(), { std::ssize(values) }, torch::kFloat64);
    m_communicator.allReduce(tensor, reduction, name);
}

void CommunicatingRanks::sum(std::span<double> values) { reduce(values, Reduction::Sum, "sum of counts"); }
void CommunicatingRanks::maximum(std::span<double> values) { reduce(values, Reduction::Maximum, "maximum of counts"); }

std::vector<std::string> CommunicatingRanks::gather(std::string own)
{
    return m_communicator.gatherObjects(std::move(own), "gather log-probs");
}

void CommunicatingRanks::startGradients(std::vector<torch::Tensor> gradients)
{
    const std::int64_t ranks = size();
    const std::int64_t block = blockOf(gradients, ranks);
    // Zeros between shards of unequal length are added up too; they have to be numbers.
    const torch::Tensor all = torch::zeros({ ranks, block }, gradients.front().options());
    copyShards(gradients, all, ranks, Direction::IntoBlocks);
    const torch::Tensor own = torch::empty({ block }, all.options());
    Pending pending = m_communicator.startReduceScatter(own, all, "reduce gradients");
    m_reducing.push_back({ std::move(gradients), all, own, std::move(pending) });
}

void CommunicatingRanks::finishGradients()
{
    for (Reducing& reducing : m_reducing) {
        reducing.pending.wait();
        std::int64_t offset = 0;
        for (const torch::Tensor& gradient : reducing.gradients) {
            const policy::Shard shard = policy::shardOf(gradient.numel(), rank(), size());
            if (shard.count > 0)
                gradient.view(-1).narrow(0, shard.begin, shard.count).copy_(reducing.own.narrow(0, offset, shard.count));
            offset += blockOf(gradient, size());
        }
    }
    m_reducing.clear();
}

void CommunicatingRanks::gatherShards(std::span<const torch::Tensor> tensors)
{
    const std::int64_t ranks = size();
    while (!tensors.empty()) {
        std::size_t count = 0;
        std::int64_t bytes = 0;
        while (count < tensors.size() && (count == 0 || bytes < kGatherBytes)) {
            bytes += tensors[count].numel() * tensors[count].element_size();
            ++count;
        }
        const std::span<const torch::Tensor> some = tensors.first(count);
        const torch::Tensor all = torch::zeros({ ranks, blockOf(some, ranks) }, some.front().options());
        const torch::Tensor own = torch::zeros({ all.size(1) }, all.options());
        std::int64_t offset = 0;
        for (const torch::Tensor& tensor : some) {
            const policy::Shard shard = policy::shardOf(tensor.numel(), rank(), ranks);
            if (shard.count > 0)
                own.narrow(0, offset, shard.count).copy_(tensor.view(-1).narrow(0, shard.begin, shard.count));
            offset += blockOf(tensor, ranks);
        }
        m_communicator.allGather(all, own, "gather weights");
        copyShards(some, all, ranks, Direction::OutOfBlocks);
        tensors = tensors.subspan(count);
    }
}

} // namespace midpoint::distributed
