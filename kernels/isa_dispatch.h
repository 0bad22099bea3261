// For <op>.cpp and <op>_cpu.{h,cpp} only: the fast forms are compiled once per instruction set, each into its own namespace.
//
// A file <op>_cpu.cpp must not instantiate standard templates or call inline functions of other headers: the linker keeps one
// copy of those, and it could be the one compiled for an instruction set that the machine does not have.
#pragma once

#include "kernels/cpu_isa.h"

#ifdef __x86_64__

#define MIDPOINT_DECLARE_FOR_EACH_ISA(...) \
    namespace baseline { __VA_ARGS__ } \
    namespace avx2 { __VA_ARGS__ } \
    namespace avx512 { __VA_ARGS__ } \
    namespace avx512bf16 { __VA_ARGS__ }

// The function of the given name that is compiled for `isa`.
#define MIDPOINT_CHOOSE_ISA(isa, function) \
    ((isa) == CpuIsa::Avx512Bf16   ? &avx512bf16::function \
            : (isa) == CpuIsa::Avx512 ? &avx512::function \
            : (isa) == CpuIsa::Avx2   ? &avx2::function \
                                      : &baseline::function)
#else

#define MIDPOINT_DECLARE_FOR_EACH_ISA(...) namespace baseline { __VA_ARGS__ }
#define MIDPOINT_CHOOSE_ISA(isa, function) (static_cast<void>(isa), &baseline::function)

#endif
