// The ranks of a policy update (policy/rank_group.h) over a communicator.
#pragma once

#include "backend/distributed/communicator.h"
#include "backend/policy/rank_group.h"

#include <deque>
#include <span>
#include <string>
#include <vector>

namespace midpoint::distributed {

// Where they are not moved in place, gradients and weights travel in packed pieces, so that the copies stay small however large a parameter is. On the host a piece stays in
// a cache between being packed, sent and read; devices need larger ones to be busy.
constexpr std::int64_t kHostPieceBytes = 8 << 20;
constexpr std::int64_t kDevicePieceBytes = 32 << 20;
constexpr std::int64_t kBytesUnderWay = 64 << 20;              // of gradients, packed
constexpr std::int64_t kMostBytesUnderWay = 2 * kBytesUnderWay; // what carries them may hold each a second time

class CommunicatingRanks final : public policy::RankGroup {
public:
    explicit CommunicatingRanks(Communicator& communicator)
        : m_communicator(communicator)
    {
    }

    std::int64_t rank() const override { return m_communicator.rank(); }
    std::int64_t size() const override { return m_communicator.size(); }
    void sum(std::span<double> values) override;
    void maximum(std::span<double> values) override;
    std::vector<std::string> gather(std::string own) override;
    void startGradients(std::vector<torch::Tensor> gradients) override;
    void finishGradients() override;
    void gatherShards(std::span<const torch::Tensor> tensors) override;

private:
    // The same elements of every rank's shard of a tensor.
    struct Part {
        torch::Tensor tensor;
        std::int64_t begin = 0; // in the shards
        std::int64_t count = 0;
    };
    using Piece = std::vector<Part>; // what one collective moves
    struct Reducing {
        Piece piece = {};         // empty in place
        torch::Tensor own = {};
        std::int64_t bytes = 0;   // packed
        Pending pending;
    };
    enum class Direction { IntoBlocks, OutOfBlocks };
    static void copy(const Piece& piece, const torch::Tensor& block, std::int64_t rank, std::int64_t ranks, Direction direction);
    static std::vector<Piece> cut(std::span<const torch::Tensor> tensors, std::int64_t ranks);
    static std::int64_t elementsOf(const Piece& piece);
    void finishOldest();
    void reduce(std::span<double> values, Reduction reduction, const char* name);

    Communicator& m_communicator;
    std::deque<Reducing> m_reducing;
    std::int64_t m_reducingBytes = 0;
};

} // namespace midpoint::distributed
