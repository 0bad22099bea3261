// The fast CPU forms of rms_norm.h for the rows [begin, end).
#pragma once

#include "kernels/isa_dispatch.h"
#include "kernels/rms_norm.h"

namespace midpoint::kernels {

MIDPOINT_DECLARE_FOR_EACH_ISA(
    void rmsNormForwardRows(const RmsNormShape& shape, const RmsNormForward& arguments, std::int64_t begin, std::int64_t end);
    void addRmsNormRows(const RmsNormShape& shape, const AddRmsNorm& arguments, std::int64_t begin, std::int64_t end);
    // Adds the rows' part of the weight's gradient to gradWeight [width].
    void rmsNormBackwardRows(
        const RmsNormShape& shape, const RmsNormBackward& arguments, float* gradWeight, std::int64_t begin, std::int64_t end);)

} // namespace midpoint::kernels
