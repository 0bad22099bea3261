#include "backend/rollout/block_cache.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

namespace midpoint::rollout {
namespace {

constexpr std::int64_t kWordBytes = 8; // a block is copied in words; blocks of 16 tokens are whole ones

} // namespace

BlockCache::BlockCache(
    const kernels::PagedCacheShape& shape, std::int64_t layers, std::int64_t blocks, const compute::Device& device)
    : m_shape(shape)
    , m_layers(layers)
    , m_blocks(blocks)
    , m_layerBytes((blocks + (device.isProcessor() ? 0 : 1)) * shape.blockElements() * kernels::sizeOf(shape.type))
{
    if (blocks == 0) // a budget below one block: every request is refused
        return;
    if (device.isProcessor()) {
        reserveAddresses();
    } else {
        m_tensor = torch::empty({ layers, blocks + 1, bytesPerBlock(shape, 1) / kWordBytes }, torch::TensorOptions(torch::kInt64).device(device.place()));
        m_memory = static_cast<std::byte*>(m_tensor.data_ptr());
    }
}

void BlockCache::reserveAddresses()
{
    const auto bytes = static_cast<std::size_t>(m_layers * m_layerBytes);
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        throw Error(ErrorKind::Resource,
            concat("no memory for a key-value cache of ", formatBytes(bytes), ": ", std::strerror(errno), "; lower rollout.kv_cache_megabytes"));
    m_memory = static_cast<std::byte*>(memory);
}

BlockCache::~BlockCache()
{
    if (m_memory != nullptr && !m_tensor.defined())
        ::munmap(m_memory, static_cast<std::size_t>(m_layers * m_layerBytes));
}

std::int64_t BlockCache::bytesPerBlock(const kernels::PagedCacheShape& shape, std::int64_t layers)
{
    return layers * shape.blockElements() * kernels::sizeOf(shape.type);
}

std::int64_t BlockCache::touchedBytes() const
{
    return m_tensor.defined() ? static_cast<std::int64_t>(m_tensor.nbytes()) : m_untouched * bytesPerBlock(m_shape, m_layers);
}

void BlockCache::clear()
{
    m_used = 0;
    m_free.clear();
    for (std::int32_t block = m_untouched; block > 0; --block)
        m_free.push_back(block - 1);
}

std::int32_t BlockCache::take()
{
    MIDPOINT_ASSERT(freeBlocks() > 0, "whoever takes a block has made sure that there is one");
    std::int32_t block = 0;
    if (m_free.empty()) {
        block = m_untouched++;
        m_users.push_back(0);
    } else {
        block = m_free.back();
        m_free.pop_back();
    }
    m_users[static_cast<std::size_t>(block)] = 1;
    ++m_used;
    return block;
}

void BlockCache::share(std::int32_t block) { ++m_users[static_cast<std::size_t>(block)]; }

void BlockCache::release(std::int32_t block)
{
    if (--m_users[static_cast<std::size_t>(block)] > 0)
        return;
    m_free.push_back(block);
    --m_used;
}

std::int32_t BlockCache::copy(std::int32_t block)
{
    const std::int32_t fresh = take();
    if (m_tensor.defined()) {
        m_tensor.select(1, fresh).copy_(m_tensor.select(1, block));
        return fresh;
    }
    const std::int64_t bytes = m_shape.blockElements() * kernels::sizeOf(m_shape.type);
    for (std::int64_t l = 0; l < m_layers; ++l)
        std::memcpy(layer(l) + fresh * bytes, layer(l) + block * bytes, static_cast<std::size_t>(bytes));
    return fresh;
}

} // namespace midpoint::rollout
