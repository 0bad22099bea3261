// The fast CPU forms of token_logprob.h for the rows [begin, end).
#pragma once

#include "kernels/isa_dispatch.h"
#include "kernels/token_logprob.h"

namespace midpoint::kernels {

MIDPOINT_DECLARE_FOR_EACH_ISA(
    void tokenLogprobForwardRows(const TokenLogprobShape& shape, const TokenLogprobForward& arguments, std::int64_t begin, std::int64_t end);
    void tokenLogprobBackwardRows(const TokenLogprobShape& shape, const TokenLogprobBackward& arguments, std::int64_t begin, std::int64_t end);)

} // namespace midpoint::kernels
