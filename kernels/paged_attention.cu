#include "kernels/cuda/launch.cuh"
#include "kernels/paged_attention_device.h"

namespace midpoint::kernels::cuda {

template void launchPagedWrite(const CudaLaunch&, const PagedCacheShape&, const PagedWriteArguments&);
template void launchPagedAttention(const CudaLaunch&, const PagedCacheShape&, const PagedAttentionArguments&, std::int64_t, void*);

} // namespace midpoint::kernels::cuda
