#include "kernels/cuda/launch.cuh"
#include "kernels/packed_linear_device.h"

namespace midpoint::kernels::cuda {

template void launchLinear(const CudaLaunch&, const LinearMatrix&, const PackedLinearArguments&);

} // namespace midpoint::kernels::cuda
