#include "backend/compute/device.h"

#include "backend/core/error.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace midpoint::compute {

kernels::cuda::Module& Device::module() const
{
    MIDPOINT_ASSERT(m_module != nullptr, "the processor has the forms of kernels/, not a module's");
    return *m_module;
}

kernels::cuda::Stream Device::stream() const
{
    if (m_place.is_cpu())
        return nullptr;
    return c10::impl::VirtualGuardImpl(m_place.type()).getStream(m_place).native_handle();
}

std::int64_t Device::memoryBytes() const
{
    std::int64_t bytes = module().freeMemory().bytes;
    if (!m_place.is_cpu()) {
        constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
        bytes += c10::getDeviceAllocator(m_place.type())->getDeviceStats(m_place.index()).reserved_bytes[kAll].current;
    }
    return bytes;
}

void Device::synchronize() const
{
    if (!isProcessor())
        module().wait(stream());
}

torch::Tensor tensorAt(const Device& device, const std::int64_t* values, std::int64_t count)
{
    return torch::from_blob(const_cast<std::int64_t*>(values), { count }, torch::kInt64).to(device.place());
}

kernels::ElementType elementType(torch::ScalarType type)
{
    switch (type) {
    case torch::kBFloat16:
        return kernels::ElementType::BFloat16;
    case torch::kHalf:
        return kernels::ElementType::Float16;
    default:
        MIDPOINT_ASSERT(type == torch::kFloat32, "a compute type is float32, bfloat16 or float16");
        return kernels::ElementType::Float32;
    }
}

} // namespace midpoint::compute
