#include "kernels/cuda/launch.cuh"
#include "kernels/token_logprob_device.h"

namespace midpoint::kernels::cuda {

template void launchTokenLogprobForward(const CudaLaunch&, const TokenLogprobShape&, const TokenLogprobForward&);
template void launchTokenLogprobBackward(const CudaLaunch&, const TokenLogprobShape&, const TokenLogprobBackward&);

} // namespace midpoint::kernels::cuda
