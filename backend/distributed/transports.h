// Internal to backend/distributed: what a communicator can run on.
#pragma once

#include "backend/distributed/communicator.h"

#include <c10/util/intrusive_ptr.h>

namespace c10d {
class Store;
}

namespace midpoint::distributed {

struct TransportOptions {
    std::string ownAddress = "127.0.0.1"; // that the other ranks reach this one by
    double collectiveSeconds = 1800.0;    // deadline of one operation
    bool sharesMemory = true;             // if the others do so too
};

// c10d keeps the last 2,000 operations with their call stacks in a recorder that all groups of a process share, and its table of
// groups has no lock (2.11): ranks that are threads of one process crash in it. Operations are named and counted here already
// (communicator.h). Off unless a user has set its size; before the first group.
void turnRecorderOff();

std::unique_ptr<Transport> makeGlooTransport(
    const c10::intrusive_ptr<c10d::Store>& store, std::int64_t rank, std::int64_t size, const TransportOptions& options);

// Among ranks of one host. Null, with the problem, if they are not all on one, cannot share memory there or shall not
// (MIDPOINT_SHARED_MEMORY=0 on any); all ranks come to the same.
std::unique_ptr<Transport> tryMemoryTransport(const c10::intrusive_ptr<c10d::Store>& store, std::int64_t rank, std::int64_t size,
    const TransportOptions& options, std::string& problem);

// Tensors on a device go through `devices`, all others through `host`.
std::unique_ptr<Transport> makeTransportByDevice(std::unique_ptr<Transport> host, std::unique_ptr<Transport> devices);

class NcclModule;
// Opens libmidpoint_nccl beside the engine, and LibTorch's CUDA libraries before it. Throws Error{Resource} that says what is missing.
NcclModule& openNccl();

} // namespace midpoint::distributed
