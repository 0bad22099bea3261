// Gradients in buckets, in the order in which a backward pass completes them, so that adding up over ranks begins while the
// layers below are still being computed.
#pragma once

#include "backend/model/model.h"
#include "backend/policy/rank_group.h"

#include <cstdint>
#include <span>
#include <vector>

namespace midpoint::policy {

class GradientBuckets {
public:
    // A bucket is closed when it holds this many bytes: large enough to hide latency, small enough to begin early.
    static constexpr std::int64_t kUsualBytes = 32 << 20;

    explicit GradientBuckets(std::span<const model::Parameter> parameters, std::int64_t bytes = kUsualBytes);

    // In the last backward pass of an update: the gradients of `layer` and of those above it are complete
    // (model::kEmbeddingLayer: all are). Starts every bucket that is.
    void completed(std::int64_t layer, std::span<const model::Parameter> parameters, RankGroup& ranks);
    // Before gradients are computed again from the beginning because memory ran out. What other ranks were sent cannot be
    // taken back: throws Error{Resource} then.
    void restart(const RankGroup& ranks);
    // Starts what has not begun yet and waits for the sums.
    void finish(std::span<const model::Parameter> parameters, RankGroup& ranks);

    std::size_t count() const { return m_buckets.size(); }

private:
    struct Bucket {
        std::int64_t lowestLayer = 0;
        std::vector<std::size_t> parameters;
    };
    void start(const Bucket& bucket, std::span<const model::Parameter> parameters, RankGroup& ranks) const;

    std::vector<Bucket> m_buckets;
    std::size_t m_started = 0;
};

} // namespace midpoint::policy
