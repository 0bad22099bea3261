// The border between libmidpoint_engine and libmidpoint_nccl: collectives between NVIDIA devices. A module of its own because it
// links LibTorch's CUDA libraries, which the engine does without; opened when a rank computes on a device (transports.h).
#pragma once

#include "backend/distributed/transports.h"

#include <cstdint>
#include <memory>
#include <string>

namespace midpoint::distributed {

inline constexpr const char* kNcclModuleFile = "libmidpoint_nccl.so";

class NcclModule {
public:
    virtual ~NcclModule() = default;
    virtual std::string version() const = 0; // of the NCCL that is loaded, "2.28.9"
    // Connects this rank's device with those of the others, which all call it. Tensors must lie on that device. Waiting makes the
    // current stream wait, not the host. Throws c10::Error.
    virtual std::unique_ptr<Transport> makeTransport(const c10::intrusive_ptr<c10d::Store>& store, std::int64_t rank, std::int64_t size,
        std::int64_t device, const TransportOptions& options) = 0;
};

} // namespace midpoint::distributed

// Exported by libmidpoint_nccl; the object lives as long as the module.
extern "C" midpoint::distributed::NcclModule* midpoint_nccl_module();
