#include "kernels/rotary.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "kernels/parallel_rows.h"
#include "kernels/rotary_cpu.h"

namespace midpoint::kernels {

void rotary(const RotaryTable& table, const RotaryArguments& arguments, CpuIsa isa)
{
    const std::int64_t width = arguments.heads * arguments.headDim;
    if (arguments.tokens < 0 || arguments.heads < 0 || arguments.headDim % 2 != 0 || arguments.stride < width)
        throw Error(ErrorKind::Internal,
            concat("rotary: ", arguments.tokens, " tokens of ", arguments.heads, " heads of dimension ", arguments.headDim, ", stride ",
                arguments.stride));
    for (std::int64_t t = 0; t < arguments.tokens; ++t)
        if (arguments.positions[t] < 0 || arguments.positions[t] >= table.positions)
            throw Error(ErrorKind::Internal,
                concat("rotary: position ", arguments.positions[t], " is outside the table of ", table.positions, " positions"));
    const auto run = MIDPOINT_CHOOSE_ISA(isa, rotaryTokens);
    forEachRowRange(arguments.tokens, width, [&](std::int64_t begin, std::int64_t end) { run(table, arguments, begin, end); });
}

} // namespace midpoint::kernels
