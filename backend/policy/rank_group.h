// What an update needs of the other ranks of a run. Every rank calls the same functions in the same order. One rank alone is a
// group as well (SoloRank), so callers never ask how many there are. The form over real communication is in
// backend/distributed.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace midpoint::policy {

// The range of a flattened parameter that one rank owns: its master weights, its optimizer state, its part of the gradient sum.
struct Shard {
    std::int64_t begin = 0;
    std::int64_t count = 0;
};

// Equal ranges, so that a collective moves one block per rank; the last ones may be shorter or empty.
Shard shardOf(std::int64_t elements, std::int64_t rank, std::int64_t ranks);
// The elements of `tensor` (contiguous) that the shard covers, without a copy. The tensor itself when that is all of it.
torch::Tensor shardView(const torch::Tensor& tensor, const Shard& shard);

class RankGroup {
public:
    virtual ~RankGroup() = default;
    virtual std::int64_t rank() const = 0;
    virtual std::int64_t size() const = 0;
    virtual void sum(std::span<double> values) = 0;
    virtual void maximum(std::span<double> values) = 0;
    // The bytes of every rank, in their order.
    virtual std::vector<std::string> gather(std::string own) = 0;
    // Gradients that are complete on this rank: begins to add them up over the ranks while the caller computes on, who leaves them
    // alone. After finishGradients() each rank's shard of every one holds the sum; the rest has no meaning.
    virtual void startGradients(std::vector<torch::Tensor> gradients) = 0;
    virtual void finishGradients() = 0;
    // Every rank has filled its shard of each tensor; afterwards all of them are whole everywhere.
    virtual void gatherShards(std::span<const torch::Tensor> tensors) = 0;
};

class SoloRank final : public RankGroup {
public:
    std::int64_t rank() const override { return 0; }
    std::int64_t size() const override { return 1; }
    void sum(std::span<double>) override {}
    void maximum(std::span<double>) override {}
    std::vector<std::string> gather(std::string own) override { return { std::move(own) }; }
    void startGradients(std::vector<torch::Tensor>) override {}
    void finishGradients() override {}
    void gatherShards(std::span<const torch::Tensor>) override {}
};

} // namespace midpoint::policy
