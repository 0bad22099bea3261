// How the ranks of a run find each other: each tells who it is through a store that rank 0 holds (or a launcher's agent), all
// wait for all until a deadline, and all compare. Whatever does not fit is the same clear error on every rank.
#pragma once

#include "backend/core/error.h"
#include "backend/distributed/communicator.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::distributed {

// What must be the same on every rank, and where the rank is.
struct Identity {
    std::int64_t rank = 0;
    std::string host;
    std::int64_t pid = 0;
    std::string device;  // "cpu" or "cuda:N"
    std::string visible; // CUDA_VISIBLE_DEVICES: what N counts in
    std::string version;
    std::string configHash;
    std::string dataHash;
    std::string weightsHash;
};

struct RendezvousOptions {
    std::int64_t rank = 0;
    std::int64_t size = 1;
    std::string storeAddress = "127.0.0.1";
    std::int64_t storePort = 0;
    bool holdsStore = false;         // this rank is the server
    int storeDescriptor = -1;        // its bound socket, if the supervisor has made one
    std::string attempt = "0";       // keeps the keys of a restarted run apart where a launcher's store outlives the ranks
    std::string ownAddress;          // empty: the one by which the store is reached
    std::optional<std::int64_t> cudaDevice; // that this rank computes on: its tensors there travel over NCCL
    bool sharesMemory = true;               // with ranks of its host, if all others are there and do so too
    double deadlineSeconds = 60.0;
    double collectiveSeconds = 1800.0;
};

struct Meeting {
    std::unique_ptr<Communicator> communicator;
    std::vector<Identity> ranks;
    std::string through; // what carries the bytes, in words
};

// Throws Error{Resource} for ranks that are missing and stores that cannot be reached or held, Error{Usage} for ranks that are there
// twice and Error{Config} for ranks that differ. What one rank throws, the others throw with the same words and exit code.
Meeting meet(const RendezvousOptions& options, const Identity& own, OperationObserver observer = {});

// For a rank that cannot take part: the others are told why, and do not wait for it until the deadline. Does what it can.
void refuse(const RendezvousOptions& options, const Identity& own, const Error& problem) noexcept;

// Nothing if all ranks agree; otherwise what differs, on which ranks.
std::string disagreement(const std::vector<Identity>& ranks);

} // namespace midpoint::distributed
