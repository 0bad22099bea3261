// Memory of the paged key-value cache and its blocks. A block holds the same few tokens of all layers; it is shared by counting
// its users. On the processor address space is taken for the whole budget at once, memory only for blocks that were in use; on a
// device all of it is allocated at once.
#pragma once

#include "backend/compute/device.h"
#include "kernels/paged_attention.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace midpoint::rollout {

class BlockCache {
public:
    BlockCache(const kernels::PagedCacheShape& shape, std::int64_t layers, std::int64_t blocks, const compute::Device& device = {});
    ~BlockCache();
    BlockCache(const BlockCache&) = delete;
    BlockCache& operator=(const BlockCache&) = delete;

    static std::int64_t bytesPerBlock(const kernels::PagedCacheShape& shape, std::int64_t layers);

    const kernels::PagedCacheShape& shape() const { return m_shape; }
    std::byte* layer(std::int64_t index) const { return m_memory + index * m_layerBytes; }
    std::int64_t blocksFor(std::int64_t tokens) const { return (tokens + m_shape.blockTokens - 1) / m_shape.blockTokens; }

    std::int64_t freeBlocks() const { return m_blocks - m_used; }
    std::int64_t usedBlocks() const { return m_used; }
    std::int64_t touchedBytes() const; // of memory that was in use at some time; on a device all of it
    // A block beyond the budget that nobody owns: where rows of a device write that stand for no sequence.
    std::int32_t spareBlock() const { return static_cast<std::int32_t>(m_blocks); }
    void clear();                      // all blocks are free

    std::int32_t take();             // a block with one user; there must be a free one
    void share(std::int32_t block);  // one more user
    void release(std::int32_t block);
    std::int32_t copy(std::int32_t block); // a new block with the same content in all layers

private:
    void reserveAddresses();

    kernels::PagedCacheShape m_shape;
    std::int64_t m_layers;
    std::int64_t m_blocks;
    std::int64_t m_layerBytes;
    std::byte* m_memory = nullptr;
    torch::Tensor m_tensor;            // on a device: [layers, blocks + 1, words of a block]
    std::int64_t m_used = 0;
    std::vector<std::int32_t> m_users; // of every block that was in use at some time
    std::vector<std::int32_t> m_free;  // given back, used again first
    std::int32_t m_untouched = 0;      // blocks from here on were never in use
};

} // namespace midpoint::rollout
