#include "kernels/swiglu.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "kernels/parallel_rows.h"
#include "kernels/swiglu_cpu.h"

namespace midpoint::kernels {
namespace {

void check(const SwigluShape& shape)
{
    if (shape.rows < 0 || shape.width < 0 || shape.inputStride < shape.width)
        throw Error(ErrorKind::Internal,
            concat("swiglu: ", shape.rows, " rows of width ", shape.width, ", stride ", shape.inputStride));
}

} // namespace

void swigluForward(const SwigluShape& shape, const SwigluForward& arguments, CpuIsa isa)
{
    check(shape);
    const auto run = MIDPOINT_CHOOSE_ISA(isa, swigluForwardRows);
    forEachRowRange(shape.rows, shape.width, [&](std::int64_t begin, std::int64_t end) { run(shape, arguments, begin, end); });
}

void swigluBackward(const SwigluShape& shape, const SwigluBackward& arguments, CpuIsa isa)
{
    check(shape);
    const auto run = MIDPOINT_CHOOSE_ISA(isa, swigluBackwardRows);
    forEachRowRange(shape.rows, shape.width, [&](std::int64_t begin, std::int64_t end) { run(shape, arguments, begin, end); });
}

} // namespace midpoint::kernels
