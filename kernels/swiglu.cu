#include "kernels/cuda/launch.cuh"
#include "kernels/swiglu_device.h"

namespace midpoint::kernels::cuda {

template void launchSwigluForward(const CudaLaunch&, const SwigluShape&, const SwigluForward&);
template void launchSwigluBackward(const CudaLaunch&, const SwigluShape&, const SwigluBackward&);

} // namespace midpoint::kernels::cuda
