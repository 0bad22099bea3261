// Can the devices of this machine add up a tensor together, and how fast: what `midpoint doctor --selftest` asks.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace midpoint::distributed {

struct AllReduceCheck {
    std::string through;               // "NCCL 2.28.9", "Gloo"
    std::int64_t bytes = 0;            // of the tensor
    double seconds = 0.0;              // median of several
    double bytesPerSecond = 0.0;       // through each device's links: 2 (N-1)/N of the bytes, sent and received by every rank of a ring
};

// One rank per device ("cpu" or "cuda:N", two or more, all of one kind), as threads of this process. Throws Error{Resource} when
// they cannot connect or when the sum is wrong.
AllReduceCheck checkAllReduce(std::span<const std::string> devices, std::int64_t bytes = 64 << 20);

} // namespace midpoint::distributed
