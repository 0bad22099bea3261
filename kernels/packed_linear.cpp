#include "kernels/packed_linear.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "kernels/packed_linear_cpu.h"
#include "kernels/parallel.h"

#include <cstdlib>

namespace midpoint::kernels {
namespace {

constexpr std::int64_t kAlignment = 64;
constexpr std::int64_t kPrefetchRoom = 4096; // prefetches run ahead of the last panel

std::int64_t panelCount(std::int64_t outputs, CpuIsa isa)
{
    const std::int64_t panel = MIDPOINT_CHOOSE_ISA(isa, panelOutputs)();
    return (outputs + panel - 1) / panel;
}

} // namespace

void PackedMatrix::Free::operator()(std::byte* memory) const { std::free(memory); }

PackedMatrix::PackedMatrix(const void* weight, std::int64_t outputs, std::int64_t inputs, ElementType type, CpuIsa isa)
    : m_outputs(outputs)
    , m_inputs(inputs)
    , m_type(type)
    , m_isa(isa)
    , m_bytes(MIDPOINT_CHOOSE_ISA(isa, packedBytes)(outputs, inputs, type))
{
    const std::int64_t size = (m_bytes + kPrefetchRoom + kAlignment - 1) / kAlignment * kAlignment;
    m_memory.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, static_cast<std::size_t>(size))));
    if (m_memory == nullptr)
        throw Error(ErrorKind::Resource, concat("no memory for packed weights: ", formatBytes(static_cast<std::uint64_t>(size))));
    refresh(weight);
}

void PackedMatrix::refresh(const void* weight)
{
    const PackedLinearTask shape { m_outputs, m_inputs, m_type, nullptr, {} };
    const auto pack = MIDPOINT_CHOOSE_ISA(m_isa, packPanels);
    parallelRanges(panelCount(m_outputs, m_isa), 1,
        [&](std::int64_t begin, std::int64_t end) { pack(weight, shape, m_memory.get(), begin, end); });
}

void packedLinear(const PackedMatrix& matrix, const PackedLinearArguments& arguments)
{
    if (arguments.rows < 0 || (arguments.yType != matrix.type() && arguments.yType != ElementType::Float32))
        throw Error(ErrorKind::Internal, concat("packed linear: ", arguments.rows, " rows, or an output type that is not supported"));
    if (arguments.rows == 0)
        return;
    const PackedLinearTask task { matrix.outputs(), matrix.inputs(), matrix.type(), matrix.data(), arguments };
    const auto run = MIDPOINT_CHOOSE_ISA(matrix.isa(), packedLinearPanels);
    parallelRanges(panelCount(matrix.outputs(), matrix.isa()), 1,
        [&](std::int64_t begin, std::int64_t end) { run(task, begin, end); });
}

} // namespace midpoint::kernels
