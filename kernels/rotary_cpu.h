// The fast CPU form of rotary.h for the tokens [begin, end).
#pragma once

#include "kernels/isa_dispatch.h"
#include "kernels/rotary.h"

namespace midpoint::kernels {

MIDPOINT_DECLARE_FOR_EACH_ISA(
    void rotaryTokens(const RotaryTable& table, const RotaryArguments& arguments, std::int64_t begin, std::int64_t end);)

} // namespace midpoint::kernels
