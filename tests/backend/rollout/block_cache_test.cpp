#include "backend/rollout/block_cache.h"

#include <gtest/gtest.h>

#include <cstring>

namespace midpoint::rollout {
namespace {

const kernels::PagedCacheShape kShape { 16, 1, 8, kernels::ElementType::Float32 };

TEST(BlockCache, SharedBlock_ReleasedByAll_IsFreeAgain)
{
    BlockCache cache(kShape, 2, 3);
    const std::int32_t block = cache.take();
    cache.share(block);
    cache.release(block);
    EXPECT_EQ(cache.usedBlocks(), 1);
    cache.release(block);
    EXPECT_EQ(cache.usedBlocks(), 0);
    EXPECT_EQ(cache.freeBlocks(), 3);
    EXPECT_EQ(cache.take(), block) << "memory in use before is used first";
}

TEST(BlockCache, Copy_HoldsContentOfAllLayers)
{
    BlockCache cache(kShape, 2, 2);
    const std::int32_t first = cache.take();
    const auto bytes = static_cast<std::size_t>(kShape.blockElements() * 4);
    std::memset(cache.layer(0) + static_cast<std::size_t>(first) * bytes, 1, bytes);
    std::memset(cache.layer(1) + static_cast<std::size_t>(first) * bytes, 2, bytes);
    const std::int32_t second = cache.copy(first);
    EXPECT_NE(first, second);
    for (std::int64_t l = 0; l < 2; ++l)
        EXPECT_EQ(0,
            std::memcmp(cache.layer(l) + static_cast<std::size_t>(first) * bytes, cache.layer(l) + static_cast<std::size_t>(second) * bytes, bytes));
}

TEST(BlockCache, BlocksFor_RoundsUp)
{
    const BlockCache cache(kShape, 1, 1);
    EXPECT_EQ(cache.blocksFor(0), 0);
    EXPECT_EQ(cache.blocksFor(1), 1);
    EXPECT_EQ(cache.blocksFor(16), 1);
    EXPECT_EQ(cache.blocksFor(17), 2);
}

} // namespace
} // namespace midpoint::rollout
