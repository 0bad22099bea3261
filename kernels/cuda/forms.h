// The device forms, each defined in kernels/<op>_device.h. `Launch` starts the bodies of kernels: on a stream (launch.cuh), or in
// the emulated blocks of the tests.
#pragma once

#include "kernels/cuda/operations.h"

namespace midpoint::kernels::cuda {

template <typename Launch>
void launchRmsNormForward(const Launch& launch, const RmsNormShape& shape, const RmsNormForward& arguments);
template <typename Launch>
void launchRmsNormBackward(const Launch& launch, const RmsNormShape& shape, const RmsNormBackward& arguments, void* workspace);
template <typename Launch>
void launchAddRmsNorm(const Launch& launch, const RmsNormShape& shape, const AddRmsNorm& arguments);
template <typename Launch>
void launchRotary(const Launch& launch, const RotaryTable& table, const RotaryArguments& arguments);
template <typename Launch>
void launchSwigluForward(const Launch& launch, const SwigluShape& shape, const SwigluForward& arguments);
template <typename Launch>
void launchSwigluBackward(const Launch& launch, const SwigluShape& shape, const SwigluBackward& arguments);

template <typename Launch>
void launchTokenLogprobForward(const Launch& launch, const TokenLogprobShape& shape, const TokenLogprobForward& arguments);
template <typename Launch>
void launchTokenLogprobBackward(const Launch& launch, const TokenLogprobShape& shape, const TokenLogprobBackward& arguments);
template <typename Launch>
void launchUniformNumbers(const Launch& launch, const UniformArguments& arguments);
template <typename Launch>
void launchSample(const Launch& launch, const SampleSettings& settings, const SampleArguments& arguments);

template <typename Launch>
void launchDecodeRows(const Launch& launch, const DecodeRowsArguments& arguments);
template <typename Launch>
void launchPagedWrite(const Launch& launch, const PagedCacheShape& shape, const PagedWriteArguments& arguments);
template <typename Launch>
void launchPagedAttention(const Launch& launch, const PagedCacheShape& shape, const PagedAttentionArguments& arguments,
    std::int64_t longest, void* workspace);
template <typename Launch>
void launchPackedAttentionForward(const Launch& launch, const PackedTileShape& shape, const PackedAttentionForward& arguments);
template <typename Launch>
void launchPackedAttentionBackward(
    const Launch& launch, const PackedTileShape& shape, const PackedAttentionBackward& arguments, void* workspace);
template <typename Launch>
void launchLinear(const Launch& launch, const LinearMatrix& matrix, const PackedLinearArguments& arguments);

} // namespace midpoint::kernels::cuda
