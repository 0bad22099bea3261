#include "app/freed_memory.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <malloc.h>

namespace midpoint::app {

void keepFreedMemory()
{
    constexpr std::array kUsersOwn = { "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_" };
    if (std::any_of(kUsersOwn.begin(), kUsersOwn.end(), [](const char* name) { return std::getenv(name) != nullptr; }))
        return;
    ::mallopt(M_MMAP_THRESHOLD, 64 << 20);
    ::mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
    ::mallopt(M_TOP_PAD, 64 << 20); // the heap grows in steps of this size
}

} // namespace midpoint::app
