#include "kernels/token_logprob.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "kernels/parallel_rows.h"
#include "kernels/token_logprob_cpu.h"

namespace midpoint::kernels {
namespace {

void check(const TokenLogprobShape& shape, const std::int64_t* ids)
{
    if (shape.rows < 0 || shape.vocabulary <= 0 || !(shape.temperature > 0))
        throw Error(ErrorKind::Internal,
            concat("token log-prob: ", shape.rows, " rows of ", shape.vocabulary, " logits at temperature ", shape.temperature));
    for (std::int64_t r = 0; r < shape.rows; ++r)
        if (ids[r] < 0 || ids[r] >= shape.vocabulary)
            throw Error(ErrorKind::Internal,
                concat("token log-prob: token id ", ids[r], " of row ", r, " is outside the vocabulary of ", shape.vocabulary));
}

} // namespace

void tokenLogprobForward(const TokenLogprobShape& shape, const TokenLogprobForward& arguments, CpuIsa isa)
{
    check(shape, arguments.ids);
    const auto run = MIDPOINT_CHOOSE_ISA(isa, tokenLogprobForwardRows);
    forEachRowRange(shape.rows, shape.vocabulary, [&](std::int64_t begin, std::int64_t end) { run(shape, arguments, begin, end); });
}

void tokenLogprobBackward(const TokenLogprobShape& shape, const TokenLogprobBackward& arguments, CpuIsa isa)
{
    check(shape, arguments.ids);
    const auto run = MIDPOINT_CHOOSE_ISA(isa, tokenLogprobBackwardRows);
    forEachRowRange(shape.rows, shape.vocabulary, [&](std::int64_t begin, std::int64_t end) { run(shape, arguments, begin, end); });
}

} // namespace midpoint::kernels
