#include "kernels/cpu_isa.h"

namespace midpoint::kernels {

std::vector<CpuIsa> availableIsas()
{
    std::vector<CpuIsa> sets = { CpuIsa::Baseline };
#ifdef __x86_64__
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c"))
        return sets;
    sets.push_back(CpuIsa::Avx2);
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl")
        || !__builtin_cpu_supports("avx512dq"))
        return sets;
    sets.push_back(CpuIsa::Avx512);
    if (__builtin_cpu_supports("avx512bf16"))
        sets.push_back(CpuIsa::Avx512Bf16);
#endif
    return sets;
}

CpuIsa bestIsa()
{
    static const CpuIsa best = availableIsas().back();
    return best;
}

const char* nameOf(CpuIsa isa)
{
    switch (isa) {
    case CpuIsa::Avx2: return "avx2";
    case CpuIsa::Avx512: return "avx512";
    case CpuIsa::Avx512Bf16: return "avx512-bf16";
    case CpuIsa::Baseline: break;
    }
    return "baseline";
}

} // namespace midpoint::kernels
