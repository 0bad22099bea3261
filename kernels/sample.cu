#include "kernels/cuda/launch.cuh"
#include "kernels/sample_device.h"

namespace midpoint::kernels::cuda {

template void launchUniformNumbers(const CudaLaunch&, const UniformArguments&);
template void launchSample(const CudaLaunch&, const SampleSettings&, const SampleArguments&);

} // namespace midpoint::kernels::cuda
