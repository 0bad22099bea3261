// Kinds of prompts: k-means on their embeddings. A choice by expected signal alone takes many prompts of the one kind that has
// most of it at present; a quota per kind keeps a batch varied.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace midpoint::difficulty {

// The cluster of every prompt, from 0. `embeddings` is [prompts, dimension], row by row; columns count alike whatever their
// scale. Centres are found from a few thousand prompts drawn with `seed` (k-means++, then Lloyd's iterations). Throws
// Error{Config} unless 2 <= clusters <= prompts.
std::vector<std::int32_t> clusterPrompts(
    std::span<const float> embeddings, std::int64_t dimension, std::int64_t clusters, std::uint64_t seed);

// The first `count` of `order` with at most `quota` of each cluster; if that leaves too few, the first of the others follow.
// `order` and the result are positions in `clusters`.
std::vector<std::int64_t> withQuota(std::span<const std::int64_t> order, std::span<const std::int32_t> clusters,
    std::int64_t count, std::int64_t quota);

} // namespace midpoint::difficulty
