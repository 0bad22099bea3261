#include "kernels/element_access.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

namespace midpoint::kernels {

double readElement(const void* array, std::int64_t index, ElementType type)
{
    switch (type) {
    case ElementType::BFloat16: return static_cast<double>(static_cast<float>(static_cast<const c10::BFloat16*>(array)[index]));
    case ElementType::Float16: return static_cast<double>(static_cast<float>(static_cast<const c10::Half*>(array)[index]));
    case ElementType::Float32: break;
    }
    return static_cast<double>(static_cast<const float*>(array)[index]);
}

void writeElement(void* array, std::int64_t index, ElementType type, double value)
{
    const auto narrowed = static_cast<float>(value);
    switch (type) {
    case ElementType::BFloat16: static_cast<c10::BFloat16*>(array)[index] = narrowed; return;
    case ElementType::Float16: static_cast<c10::Half*>(array)[index] = narrowed; return;
    case ElementType::Float32: static_cast<float*>(array)[index] = narrowed; return;
    }
}

double roundedTo(ElementType type, double value)
{
    std::uint64_t memory = 0;
    writeElement(&memory, 0, type, value);
    return readElement(&memory, 0, type);
}

} // namespace midpoint::kernels
