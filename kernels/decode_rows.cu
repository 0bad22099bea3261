#include "kernels/cuda/launch.cuh"
#include "kernels/decode_rows_device.h"

namespace midpoint::kernels::cuda {

template void launchDecodeRows(const CudaLaunch&, const DecodeRowsArguments&);

} // namespace midpoint::kernels::cuda
