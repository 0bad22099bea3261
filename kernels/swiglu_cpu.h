// The fast CPU forms of swiglu.h for the rows [begin, end).
#pragma once

#include "kernels/isa_dispatch.h"
#include "kernels/swiglu.h"

namespace midpoint::kernels {

MIDPOINT_DECLARE_FOR_EACH_ISA(
    void swigluForwardRows(const SwigluShape& shape, const SwigluForward& arguments, std::int64_t begin, std::int64_t end);
    void swigluBackwardRows(const SwigluShape& shape, const SwigluBackward& arguments, std::int64_t begin, std::int64_t end);)

} // namespace midpoint::kernels
