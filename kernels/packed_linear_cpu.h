// The fast CPU form of packed_linear.h: the packed order and the product for a range of panels.
#pragma once

#include "kernels/isa_dispatch.h"
#include "kernels/packed_linear.h"

namespace midpoint::kernels {

struct PackedLinearTask {
    std::int64_t outputs = 0;
    std::int64_t inputs = 0;
    ElementType type = ElementType::Float32;
    const void* packed = nullptr;
    PackedLinearArguments arguments;
};

MIDPOINT_DECLARE_FOR_EACH_ISA(
    // A panel is a group of neighbouring outputs.
    std::int64_t panelOutputs();
    std::int64_t packedBytes(std::int64_t outputs, std::int64_t inputs, ElementType type);
    void packPanels(const void* weight, const PackedLinearTask& shape, void* packed, std::int64_t beginPanel, std::int64_t endPanel);
    void packedLinearPanels(const PackedLinearTask& task, std::int64_t beginPanel, std::int64_t endPanel);)

} // namespace midpoint::kernels
