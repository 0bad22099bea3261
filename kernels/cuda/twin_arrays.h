// Arrays of the twin checks: on the host, with random contents, and copied to a device and back.
#pragma once

#include "backend/core/rng.h"
#include "kernels/cuda/module.h"
#include "kernels/element_access.h"

#include <cstddef>
#include <vector>

namespace midpoint::kernels::cuda {

class HostArray {
public:
    HostArray(ElementType type, std::int64_t count)
        : m_type(type)
        , m_count(count)
        , m_bytes(static_cast<std::size_t>(count * sizeOf(type)))
    {
    }
    static HostArray random(ElementType type, std::int64_t count, Rng& rng, double scale = 1.0)
    {
        HostArray array(type, count);
        for (std::int64_t i = 0; i < count; ++i)
            writeElement(array.data(), i, type, scale * rng.normal());
        return array;
    }
    ElementType type() const { return m_type; }
    std::int64_t count() const { return m_count; }
    std::int64_t bytes() const { return static_cast<std::int64_t>(m_bytes.size()); }
    void* data() { return m_bytes.data(); }
    const void* data() const { return m_bytes.data(); }
    float* floats() { return static_cast<float*>(data()); }
    double operator[](std::int64_t i) const { return readElement(data(), i, m_type); }
    bool operator==(const HostArray&) const = default;

private:
    ElementType m_type;
    std::int64_t m_count;
    std::vector<std::byte> m_bytes;
};

// Memory of a device for as long as it is needed.
class DeviceArray {
public:
    DeviceArray(Module& module, std::int64_t bytes)
        : m_module(module)
        , m_bytes(bytes)
        , m_memory(module.allocate(bytes))
    {
    }
    DeviceArray(Module& module, const HostArray& contents)
        : DeviceArray(module, contents.bytes())
    {
        m_module.copyToDevice(m_memory, contents.data(), m_bytes, nullptr);
    }
    template <typename Item>
    DeviceArray(Module& module, const std::vector<Item>& items)
        : DeviceArray(module, static_cast<std::int64_t>(items.size() * sizeof(Item)))
    {
        m_module.copyToDevice(m_memory, items.data(), m_bytes, nullptr);
    }
    DeviceArray(const DeviceArray&) = delete;
    DeviceArray& operator=(const DeviceArray&) = delete;
    ~DeviceArray()
    {
        try {
            m_module.release(m_memory);
        } catch (const std::exception&) { // a device that has failed says so at the next wait
        }
    }
    template <typename Item = void>
    Item* data() const
    {
        return static_cast<Item*>(m_memory);
    }
    std::byte* bytesAt(std::int64_t offset) const { return static_cast<std::byte*>(m_memory) + offset; }
    // The contents after everything that is queued.
    HostArray fetch(ElementType type) const
    {
        HostArray array(type, m_bytes / sizeOf(type));
        m_module.copyToHost(array.data(), m_memory, m_bytes, nullptr);
        m_module.wait(nullptr);
        return array;
    }

    template <typename Item>
    void fetch(std::vector<Item>& items) const
    {
        m_module.copyToHost(items.data(), m_memory, m_bytes, nullptr);
        m_module.wait(nullptr);
    }

private:
    Module& m_module;
    std::int64_t m_bytes;
    void* m_memory;
};

} // namespace midpoint::kernels::cuda
