#include "kernels/cuda/launch.cuh"
#include "kernels/rotary_device.h"

namespace midpoint::kernels::cuda {

template void launchRotary(const CudaLaunch&, const RotaryTable&, const RotaryArguments&);

} // namespace midpoint::kernels::cuda
