#include "kernels/cuda/launch.cuh"
#include "kernels/rms_norm_device.h"

namespace midpoint::kernels::cuda {

template void launchRmsNormForward(const CudaLaunch&, const RmsNormShape&, const RmsNormForward&);
template void launchRmsNormBackward(const CudaLaunch&, const RmsNormShape&, const RmsNormBackward&, void*);
template void launchAddRmsNorm(const CudaLaunch&, const RmsNormShape&, const AddRmsNorm&);

} // namespace midpoint::kernels::cuda
