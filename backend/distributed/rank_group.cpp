#include "backend/distributed/rank_group.h"

#include "backend/core/error.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace midpoint::distributed {
namespace {

constexpr const char* kReduce = "reduce gradients";
constexpr const char* kGather = "gather weights";

std::int64_t blockOf(const torch::Tensor& tensor, std::int64_t ranks) { return (tensor.numel() + ranks - 1) / ranks; }

// Between contiguous tensors of one type on one device. A model has hundreds of small parameters: on the host the plain copy takes
// a fraction of what calling LibTorch for each takes.
void copyElements(const torch::Tensor& to, std::int64_t toBegin, const torch::Tensor& from, std::int64_t fromBegin, std::int64_t count)
{
    if (!to.is_cpu()) {
        to.view(-1).narrow(0, toBegin, count).copy_(from.view(-1).narrow(0, fromBegin, count));
        return;
    }
    const std::int64_t bytes = to.element_size();
    std::memcpy(static_cast<std::byte*>(to.data_ptr()) + toBegin * bytes,
        static_cast<const std::byte*>(from.const_data_ptr()) + fromBegin * bytes, static_cast<std::size_t>(count * bytes));
}

} // namespace

std::int64_t CommunicatingRanks::elementsOf(const Piece& piece)
{
    std::int64_t elements = 0;
    for (const Part& part : piece)
        elements += part.count;
    return elements;
}

std::vector<CommunicatingRanks::Piece> CommunicatingRanks::cut(std::span<const torch::Tensor> tensors, std::int64_t ranks)
{
    std::vector<Piece> pieces;
    std::int64_t room = 0; // elements of a block that the last piece still takes
    for (const torch::Tensor& tensor : tensors) {
        MIDPOINT_ASSERT(tensor.is_contiguous() && tensor.scalar_type() == tensors.front().scalar_type(), "what travels together");
        for (std::int64_t begin = 0; begin < blockOf(tensor, ranks);) {
            if (room == 0) {
                pieces.emplace_back();
                const std::int64_t bytes = tensor.is_cpu() ? kHostPieceBytes : kDevicePieceBytes;
                room = std::max<std::int64_t>(1, bytes / (ranks * tensor.element_size()));
            }
            const std::int64_t count = std::min(room, blockOf(tensor, ranks) - begin);
            pieces.back().push_back({ tensor, begin, count });
            begin += count;
            room -= count;
        }
    }
    return pieces;
}

// Between the tensors and a rank's block of a piece, which holds its parts one after another. Shards may be shorter than others,
// or empty: what a block has no element for is zero, because it is added up too.
void CommunicatingRanks::copy(
    const Piece& piece, const torch::Tensor& block, std::int64_t rank, std::int64_t ranks, Direction direction)
{
    std::int64_t offset = 0;
    for (const Part& part : piece) {
        const policy::Shard shard = policy::shardOf(part.tensor.numel(), rank, ranks);
        const std::int64_t count = std::clamp<std::int64_t>(shard.count - part.begin, 0, part.count);
        if (count > 0) {
            if (direction == Direction::IntoBlocks)
                copyElements(block, offset, part.tensor, shard.begin + part.begin, count);
            else
                copyElements(part.tensor, shard.begin + part.begin, block, offset, count);
        }
        if (direction == Direction::IntoBlocks && count < part.count)
            block.narrow(0, offset + count, part.count - count).zero_();
        offset += part.count;
    }
}

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
    if (m_communicator.movesInPlace(gradients.front())) {
        m_reducing.push_back({ .pending = m_communicator.startReduceShards(std::move(gradients), kReduce) });
        return;
    }
    for (Piece& piece : cut(gradients, ranks)) {
        const torch::Tensor all = torch::empty({ ranks, elementsOf(piece) }, gradients.front().options());
        const auto bytes = static_cast<std::int64_t>(all.nbytes());
        while (!m_reducing.empty() && m_reducingBytes + bytes > kBytesUnderWay)
            finishOldest();
        for (std::int64_t rank = 0; rank < ranks; ++rank)
            copy(piece, all[rank], rank, ranks, Direction::IntoBlocks);
        const torch::Tensor own = torch::empty({ all.size(1) }, all.options());
        Pending pending = m_communicator.startReduceScatter(own, all, kReduce);
        m_reducing.push_back({ std::move(piece), own, bytes, std::move(pending) });
        m_reducingBytes += bytes;
    }
}

void CommunicatingRanks::finishOldest()
{
    Reducing& reducing = m_reducing.front();
    reducing.pending.wait();
    copy(reducing.piece, reducing.own, rank(), size(), Direction::OutOfBlocks);
    m_reducingBytes -= reducing.bytes;
    m_reducing.pop_front();
}

void CommunicatingRanks::finishGradients()
{
    while (!m_reducing.empty())
        finishOldest();
}

void CommunicatingRanks::gatherShards(std::span<const torch::Tensor> tensors)
{
    const std::int64_t ranks = size();
    if (m_communicator.movesInPlace(tensors.front())) {
        m_communicator.gatherShards({ tensors.begin(), tensors.end() }, kGather);
        return;
    }
    for (const Piece& piece : cut(tensors, ranks)) {
        const torch::Tensor own = torch::empty({ elementsOf(piece) }, tensors.front().options());
        copy(piece, own, rank(), ranks, Direction::IntoBlocks);
        const torch::Tensor all = torch::empty({ ranks, own.numel() }, own.options());
        m_communicator.allGather(all, own, kGather);
        for (std::int64_t other = 0; other < ranks; ++other)
            if (other != rank())
                copy(piece, all[other], other, ranks, Direction::OutOfBlocks);
    }
}

} // namespace midpoint::distributed
