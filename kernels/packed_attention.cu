#include "kernels/cuda/launch.cuh"
#include "kernels/packed_attention_device.h"

namespace midpoint::kernels::cuda {

template void launchPackedAttentionForward(const CudaLaunch&, const PackedTileShape&, const PackedAttentionForward&);
template void launchPackedAttentionBackward(const CudaLaunch&, const PackedTileShape&, const PackedAttentionBackward&, void*);

} // namespace midpoint::kernels::cuda
