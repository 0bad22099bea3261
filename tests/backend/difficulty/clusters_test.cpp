#include "backend/difficulty/clusters.h"

#include "backend/core/error.h"
#include "backend/core/rng.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>

namespace midpoint::difficulty {
namespace {

// Three clouds far apart in two columns of very different scale, one after the other.
std::vector<float> clouds(std::int64_t ofEach)
{
    Rng rng({ 3, DrawPurpose::Simulation, 0, 0, 0 });
    std::vector<float> embeddings;
    for (int cloud = 0; cloud < 3; ++cloud)
        for (std::int64_t i = 0; i < ofEach; ++i) {
            embeddings.push_back(static_cast<float>(1000.0 * (cloud == 1 ? 10.0 : 0.0) + 1000.0 * rng.normal()));
            embeddings.push_back(static_cast<float>(0.01 * (cloud == 2 ? 10.0 : 0.0) + 0.01 * rng.normal()));
        }
    return embeddings;
}

TEST(Clusters, SeparateClouds_AreFound)
{
    const auto clusters = clusterPrompts(clouds(100), 2, 3, 1);
    for (int cloud = 0; cloud < 3; ++cloud) {
        const auto first = clusters.begin() + cloud * 100;
        EXPECT_EQ(std::set<std::int32_t>(first, first + 100).size(), 1U) << "cloud " << cloud;
    }
    EXPECT_EQ(std::set<std::int32_t>(clusters.begin(), clusters.end()).size(), 3U);
    EXPECT_EQ(clusters, clusterPrompts(clouds(100), 2, 3, 1)) << "same seed, same clusters";
}

TEST(Clusters, MorePromptsThanTheSample_AllAreAssigned)
{
    const auto clusters = clusterPrompts(clouds(2000), 2, 3, 2);
    std::map<std::int32_t, int> counts;
    for (const std::int32_t cluster : clusters)
        ++counts[cluster];
    for (const auto& [cluster, count] : counts)
        EXPECT_EQ(count, 2000);
}

TEST(Clusters, PromptsAllAlike_StayInRange)
{
    for (const std::int32_t cluster : clusterPrompts(std::vector<float>(40, 1.0F), 2, 4, 1))
        EXPECT_EQ(cluster, 0);
}

TEST(Clusters, CountOutOfRange_IsAnError)
{
    EXPECT_THROW(clusterPrompts(clouds(1), 2, 4, 1), Error);
    EXPECT_THROW(clusterPrompts(clouds(1), 2, 1, 1), Error);
}

TEST(WithQuota, Order_IsKeptWithinTheQuotaAndFilledBeyondIt)
{
    const std::vector<std::int64_t> order = { 5, 4, 3, 2, 1, 0 };
    const std::vector<std::int32_t> clusters = { 1, 1, 0, 0, 0, 0 };
    EXPECT_EQ(withQuota(order, clusters, 3, 2), (std::vector<std::int64_t> { 5, 4, 1 }));
    EXPECT_EQ(withQuota(order, clusters, 5, 1), (std::vector<std::int64_t> { 5, 1, 4, 3, 2 }));
    EXPECT_EQ(withQuota(order, clusters, 9, 9).size(), 6U);
}

} // namespace
} // namespace midpoint::difficulty
