#include "kernels/rms_norm.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "kernels/parallel_rows.h"
#include "kernels/rms_norm_cpu.h"

#include <vector>

namespace midpoint::kernels {
namespace {

void check(const RmsNormShape& shape)
{
    if (shape.rows < 0 || shape.width <= 0)
        throw Error(ErrorKind::Internal, concat("rms norm: ", shape.rows, " rows of width ", shape.width));
}

} // namespace

void rmsNormForward(const RmsNormShape& shape, const RmsNormForward& arguments, CpuIsa isa)
{
    check(shape);
    const auto run = MIDPOINT_CHOOSE_ISA(isa, rmsNormForwardRows);
    forEachRowRange(shape.rows, shape.width, [&](std::int64_t begin, std::int64_t end) { run(shape, arguments, begin, end); });
}

void addRmsNorm(const RmsNormShape& shape, const AddRmsNorm& arguments, CpuIsa isa)
{
    check(shape);
    const auto run = MIDPOINT_CHOOSE_ISA(isa, addRmsNormRows);
    forEachRowRange(shape.rows, shape.width, [&](std::int64_t begin, std::int64_t end) { run(shape, arguments, begin, end); });
}

void rmsNormBackward(const RmsNormShape& shape, const RmsNormBackward& arguments, CpuIsa isa)
{
    check(shape);
    const auto run = MIDPOINT_CHOOSE_ISA(isa, rmsNormBackwardRows);
    // Chunks of rows that depend on the shape alone, summed in order: the result does not depend on the threads.
    constexpr std::int64_t kMostChunks = 32;
    const std::int64_t rowsPerChunk = std::max<std::int64_t>(1, (shape.rows + kMostChunks - 1) / kMostChunks);
    const std::int64_t chunks = (shape.rows + rowsPerChunk - 1) / rowsPerChunk;
    std::vector<float> sums(static_cast<std::size_t>(chunks * shape.width), 0.0F);
    forEachRowRange(chunks, rowsPerChunk * shape.width, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t c = begin; c < end; ++c)
            run(shape, arguments, sums.data() + c * shape.width, c * rowsPerChunk, std::min(shape.rows, (c + 1) * rowsPerChunk));
    });
    std::fill_n(arguments.gradWeight, shape.width, 0.0F);
    for (std::int64_t c = 0; c < chunks; ++c)
        for (std::int64_t i = 0; i < shape.width; ++i)
            arguments.gradWeight[i] += sums[static_cast<std::size_t>(c * shape.width + i)];
}

} // namespace midpoint::kernels
