// What the ranks of a run say to each other: collectives, called by all ranks in the same order. Each has a name and a sequence
// number, so that a rank that hangs or dies can be named with what it was doing, and a deadline. One rank alone needs no other
// process and no special case in callers. The only folder that includes c10d.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::distributed {

enum class Reduction { Sum, Maximum };

// Tells what a rank is doing; an empty name: the operation has ended. Called from the thread that communicates.
using OperationObserver = std::function<void(std::int64_t sequence, std::string_view name)>;

// What an operation has moved, in bytes of payload handed to it on this rank.
struct Traffic {
    std::string name;
    std::int64_t calls = 0;
    std::int64_t bytes = 0;
    double seconds = 0.0; // until it was waited for
};

class InPlaceShards;

// What carries the bytes: for tensors in the host's memory that memory itself among the ranks of one host, else Gloo; NCCL for
// tensors on CUDA devices; nothing for one rank. Tensors are flat.
// After a wait the tensors can be used: by the host, or by what is queued on the current stream of their device. Errors are
// exceptions of any kind.
class Transport {
public:
    virtual ~Transport() = default;
    using Wait = std::function<void()>;
    virtual Wait allReduce(torch::Tensor tensor, Reduction reduction) = 0;
    virtual Wait reduceScatter(torch::Tensor own, torch::Tensor all) = 0; // all: one block per rank
    virtual Wait allGather(torch::Tensor all, torch::Tensor own) = 0;
    virtual Wait broadcast(torch::Tensor tensor, std::int64_t root) = 0;
    // Null where tensors like this one have to be packed into blocks.
    virtual InPlaceShards* inPlace(const torch::Tensor& like) = 0;
    // From any thread: operations end, with an error or with contents that have no meaning; those that follow are errors. A device
    // that waits for one that is gone does not find that out by itself, and the host waits for the device.
    virtual void abort() {}
};

// Moves tensors of which each rank owns a range (policy::shardOf) where they lie. They are contiguous and of one type.
class InPlaceShards {
public:
    virtual ~InPlaceShards() = default;
    virtual Transport::Wait reduceShards(std::vector<torch::Tensor> tensors) = 0; // float32: each rank's range becomes the sum
    virtual Transport::Wait gatherShards(std::vector<torch::Tensor> tensors) = 0; // each rank's range reaches all
};

// An operation under way. Waiting throws launch::PeerLost when a rank is lost or the deadline has passed.
class Pending {
public:
    Pending(std::function<void()> wait)
        : m_wait(std::move(wait))
    {
    }
    void wait() { m_wait(); }

private:
    std::function<void()> m_wait;
};

class Communicator {
public:
    // `transport` null: a rank alone.
    Communicator(std::int64_t rank, std::int64_t size, std::unique_ptr<Transport> transport, OperationObserver observer = {});
    Communicator(const Communicator&) = delete;
    Communicator& operator=(const Communicator&) = delete;

    std::int64_t rank() const { return m_rank; }
    std::int64_t size() const { return m_size; }

    // Tensors are contiguous; `all` holds one block per rank, in their order.
    void allReduce(const torch::Tensor& tensor, Reduction reduction, const char* name);
    Pending startReduceScatter(const torch::Tensor& own, const torch::Tensor& all, const char* name);
    void allGather(const torch::Tensor& all, const torch::Tensor& own, const char* name);
    void broadcast(const torch::Tensor& tensor, std::int64_t root, const char* name);
    // Only where movesInPlace().
    bool movesInPlace(const torch::Tensor& like) const { return m_transport != nullptr && m_transport->inPlace(like) != nullptr; }
    Pending startReduceShards(std::vector<torch::Tensor> tensors, const char* name);
    void gatherShards(std::vector<torch::Tensor> tensors, const char* name);
    void barrier(const char* name);

    // Objects are bytes of any length. Every rank gets those of all.
    std::vector<std::string> gatherObjects(std::string own, const char* name);
    std::string broadcastObject(std::string object, std::int64_t root, const char* name);

    std::vector<Traffic> traffic() const { return m_traffic; }
    double waitedSeconds() const { return m_waitedSeconds; } // of this rank, for others and for the way between; all operations

    // From another thread, when it has learned that a rank is gone: ends what devices wait for. Operations and waits from then on
    // throw launch::PeerLost with this reason.
    void giveUp(const std::string& reason);

private:
    Pending begin(const char* name, std::int64_t bytes, const std::function<Transport::Wait()>& start);
    void record(const char* name, std::int64_t bytes, double seconds);
    void requireAllThere() const;

    std::int64_t m_rank;
    std::int64_t m_size;
    std::unique_ptr<Transport> m_transport;
    OperationObserver m_observer;
    std::int64_t m_sequence = 0;
    std::vector<Traffic> m_traffic;
    double m_waitedSeconds = 0.0;
    mutable std::mutex m_mutex;  // guards m_lost
    std::string m_lost;          // why it was given up
};

} // namespace midpoint::distributed
