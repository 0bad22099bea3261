// How ranks that share memory pass bytes on: every rank has a ring of slots that it alone writes and all read. The chunks of all
// operations are numbered in one sequence, the same on all ranks, so two counters of each rank say everything: how many chunks it
// has put into its slots, and up to which one it has read those of the others. A slot is written again when all have read it.
//
// Who waits looks a few times and then sleeps in the kernel (futex) until another rank rings its bell. A rank that has left or
// died ends the wait of those that need it.
#pragma once

#include "backend/distributed/shared_segment.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace midpoint::distributed {

struct RingShape {
    std::int64_t ranks = 1;
    std::int64_t slots = 16;
    std::int64_t slotBytes = 1 << 20; // small, so that what is written is still in a cache when it is read

    std::size_t bytes() const; // of the segment
};

// Bytes of one collective, chunk by chunk.
struct RingOperation {
    std::int64_t chunks = 0;
    std::int64_t source = -1;                              // the only rank that says something; -1: all do
    std::function<void(std::int64_t, std::byte*)> write;   // chunk, this rank's slot
    std::function<void(std::int64_t)> read;                // chunk; slot() of the ranks is theirs
    std::int64_t first = 0;                                // number of its first chunk
    std::int64_t done = 0;                                 // chunks read
};

class SharedRing {
public:
    // `processes` by rank, all in this place. A wait ends with an error after `deadlineSeconds`. Throws Error{Resource} where the
    // system cannot tell whether a process lives (Linux before 5.3).
    SharedRing(SharedSegment segment, const RingShape& shape, std::int64_t rank, const std::vector<std::int64_t>& processes,
        double deadlineSeconds);
    SharedRing(const SharedRing&) = delete;
    SharedRing& operator=(const SharedRing&) = delete;
    ~SharedRing(); // tells the others that this rank has left

    const RingShape& shape() const { return m_shape; }

    // Writes all chunks. Waits where that needs slots which others have not read yet; reads what is under way meanwhile, so
    // ranks that fill their rings at the same time do not wait for each other forever.
    void start(const std::shared_ptr<RingOperation>& operation);
    // Reads until this operation, and so every earlier one, is done.
    void finish(const RingOperation& operation);
    // The slot of a rank that holds the chunk which is being read.
    const std::byte* slot(std::int64_t rank) const { return slotOf(rank, m_reading); }

    // From any thread: waits end with an error, now and from now on.
    void abort();

private:
    struct State; // of one rank, in the segment
    State& stateOf(std::int64_t rank) const;
    std::byte* slotOf(std::int64_t rank, std::int64_t chunk) const;
    void readOldest();
    void makeRoomFor(std::int64_t chunk);
    template <typename Condition>
    void waitFor(std::int64_t rank, const Condition& isTrue);
    void requireAlive(std::int64_t rank, double deadline) const;
    void ring(std::int64_t rank) const;
    void ringOthers() const;

    SharedSegment m_segment;
    RingShape m_shape;
    std::int64_t m_rank;
    double m_deadlineSeconds;
    int m_looks;                  // before a wait sleeps
    std::vector<OwnedDescriptor> m_processes; // pidfd of each rank
    std::deque<std::shared_ptr<RingOperation>> m_underWay;
    std::int64_t m_next = 0;      // number of the next chunk
    std::int64_t m_reading = 0;
    std::atomic<bool> m_isAborted = false;
};

} // namespace midpoint::distributed
