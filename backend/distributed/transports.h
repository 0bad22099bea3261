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
};

std::unique_ptr<Transport> makeGlooTransport(
    const c10::intrusive_ptr<c10d::Store>& store, std::int64_t rank, std::int64_t size, const TransportOptions& options);

} // namespace midpoint::distributed
