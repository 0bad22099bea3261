#include "kernels/cpu_isa.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

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

bool hasTileMatrixUnit()
{
#ifdef __x86_64__
    constexpr unsigned kAmxBf16 = 1U << 22U; // CPUID leaf 7, register EDX
    constexpr unsigned kAmxTile = 1U << 24U;
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kAmxBf16) != 0 && (d & kAmxTile) != 0;
#else
    return false;
#endif
}

} // namespace midpoint::kernels
