#include "kernels/sample.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "kernels/parallel_rows.h"
#include "kernels/sample_cpu.h"
#include "kernels/truncation.h"

#include <cmath>

namespace midpoint::kernels {
namespace {

void check(const SampleSettings& settings, const SampleArguments& arguments)
{
    if (!(settings.temperature >= 0) || settings.topK < 0 || !(settings.topP > 0) || settings.topP > 1)
        throw Error(ErrorKind::Internal,
            concat("sample: temperature ", settings.temperature, ", top-k ", settings.topK, ", top-p ", settings.topP,
                "; expected temperature >= 0, top-k >= 0 and top-p in (0, 1]"));
    if (arguments.rows < 0 || arguments.vocabulary <= 0 || (arguments.stride != 0 && arguments.stride < arguments.vocabulary))
        throw Error(ErrorKind::Internal,
            concat("sample: ", arguments.rows, " rows of ", arguments.vocabulary, " logits, stride ", arguments.stride));
}

void sampleRows(const SampleSettings& settings, const SampleArguments& arguments, CpuIsa isa, std::int64_t begin, std::int64_t end)
{
    const bool isGreedy = settings.temperature == 0;
    const bool isTruncated = settings.topP < 1.0 || (settings.topK > 0 && settings.topK < arguments.vocabulary);
    const auto measure = MIDPOINT_CHOOSE_ISA(isa, measureBlocks);
    const auto drawFromAll = MIDPOINT_CHOOSE_ISA(isa, drawByInversion);
    const auto largest = MIDPOINT_CHOOSE_ISA(isa, largestToken);
    Truncation truncation(settings, isa);
    SampleBlocks blocks;
    for (std::int64_t r = begin; r < end; ++r) {
        const SampleRow row { arguments.logits + r * arguments.stride, arguments.vocabulary,
            isGreedy ? 1.0F : static_cast<float>(1.0 / settings.temperature) };
        measure(row, blocks);
        if (!std::isfinite(blocks.top) || !std::isfinite(blocks.total))
            throw Error(ErrorKind::Numeric, concat("sampling: row ", r, " of the logits is not finite"));
        const double uniform = arguments.uniform[r];
        const std::int32_t token = isGreedy ? largest(row, blocks)
            : isTruncated                   ? truncation.draw(row, blocks, uniform)
                                            : drawFromAll(row, blocks, uniform * blocks.total);
        arguments.token[r] = token;
        arguments.logprob[r]
            = static_cast<float>(static_cast<double>(row.logits[token] * row.factor - blocks.top) - std::log(blocks.total));
    }
}

} // namespace

void sample(const SampleSettings& settings, const SampleArguments& arguments, CpuIsa isa)
{
    check(settings, arguments);
    forEachRowRange(arguments.rows, arguments.vocabulary,
        [&](std::int64_t begin, std::int64_t end) { sampleRows(settings, arguments, isa, begin, end); });
}

} // namespace midpoint::kernels
