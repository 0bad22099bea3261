// The entry of libFuzzer: one program per target, MIDPOINT_FUZZ_TARGET names its function.
#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    midpoint::fuzz::MIDPOINT_FUZZ_TARGET({ data, size });
    return 0;
}
