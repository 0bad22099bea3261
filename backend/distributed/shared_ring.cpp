#include "backend/distributed/shared_ring.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <linux/futex.h>
#include <new>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace midpoint::distributed {
namespace {

constexpr std::size_t kLine = 64;            // of a cache: counters of different writers lie apart
constexpr std::size_t kPage = 4096;
constexpr std::int64_t kSleepNanoseconds = 20'000'000; // between looks at whether the others live
constexpr int kLooks = 200;                  // some tens of microseconds

static_assert(std::atomic<std::int64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free
        && sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t),
    "counters in shared memory");

// Not the private form: the ranks are processes.
void sleepOn(std::atomic<std::uint32_t>& word, std::uint32_t value)
{
    const timespec longest { .tv_sec = 0, .tv_nsec = kSleepNanoseconds };
    ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAIT, value, &longest, nullptr, 0);
}

void wakeAllOn(std::atomic<std::uint32_t>& word)
{
    ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

} // namespace

// The memory of a fresh segment is zeros, which is the state of a rank that has said nothing.
struct SharedRing::State {
    alignas(kLine) std::atomic<std::int64_t> written; // chunks in its slots, counted from the start of the run
    std::atomic<std::uint32_t> hasLeft;
    alignas(kLine) std::atomic<std::int64_t> read;    // chunks of all ranks
    alignas(kLine) std::atomic<std::uint32_t> bell;   // changes whenever the rank should look again
    std::atomic<std::uint32_t> isAsleep;
};

std::size_t RingShape::bytes() const { return static_cast<std::size_t>(ranks) * (kPage + static_cast<std::size_t>(slots * slotBytes)); }

SharedRing::SharedRing(SharedSegment segment, const RingShape& shape, std::int64_t rank, const std::vector<std::int64_t>& processes,
    double deadlineSeconds)
    : m_segment(std::move(segment))
    , m_shape(shape)
    , m_rank(rank)
    , m_deadlineSeconds(deadlineSeconds)
    , m_looks(shape.ranks <= static_cast<std::int64_t>(std::thread::hardware_concurrency()) ? kLooks : 0)
{
    static_assert(sizeof(State) <= kPage);
    MIDPOINT_ASSERT(m_segment.size() >= shape.bytes() && std::ssize(processes) == shape.ranks, "a segment for these ranks");
    for (const std::int64_t process : processes) {
        m_processes.emplace_back(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
        if (!m_processes.back().isOpen())
            throw Error(ErrorKind::Resource, concat("cannot watch process ", process, ": ", std::strerror(errno)));
    }
}

SharedRing::~SharedRing()
{
    stateOf(m_rank).hasLeft = 1;
    ringOthers();
}

SharedRing::State& SharedRing::stateOf(std::int64_t rank) const
{
    return *std::launder(reinterpret_cast<State*>(m_segment.data() + static_cast<std::size_t>(rank) * kPage));
}

std::byte* SharedRing::slotOf(std::int64_t rank, std::int64_t chunk) const
{
    const std::size_t before = static_cast<std::size_t>(m_shape.ranks) * kPage;
    return m_segment.data() + before + static_cast<std::size_t>((rank * m_shape.slots + chunk % m_shape.slots) * m_shape.slotBytes);
}

void SharedRing::start(const std::shared_ptr<RingOperation>& operation)
{
    operation->first = m_next;
    m_next += operation->chunks;
    m_underWay.push_back(operation);
    if (operation->source >= 0 && operation->source != m_rank) {
        stateOf(m_rank).written = m_next; // nobody waits for that
        return;
    }
    for (std::int64_t i = 0; i < operation->chunks; ++i) {
        const std::int64_t chunk = operation->first + i;
        makeRoomFor(chunk);
        operation->write(i, slotOf(m_rank, chunk));
        stateOf(m_rank).written = chunk + 1;
        ringOthers();
    }
}

void SharedRing::finish(const RingOperation& operation)
{
    while (operation.done < operation.chunks)
        readOldest();
}

void SharedRing::makeRoomFor(std::int64_t chunk)
{
    const std::int64_t needed = chunk - m_shape.slots + 1; // chunks that have to be read by all
    while (stateOf(m_rank).read < needed)
        readOldest();
    for (std::int64_t rank = 0; rank < m_shape.ranks; ++rank)
        waitFor(rank, [&] { return stateOf(rank).read >= needed; });
}

void SharedRing::readOldest()
{
    const std::shared_ptr<RingOperation> operation = m_underWay.front();
    const std::int64_t chunk = operation->first + operation->done;
    for (std::int64_t rank = 0; rank < m_shape.ranks; ++rank)
        if (operation->source < 0 || operation->source == rank)
            waitFor(rank, [&] { return stateOf(rank).written > chunk; });
    m_reading = chunk;
    operation->read(operation->done);
    stateOf(m_rank).read = chunk + 1;
    ringOthers();
    if (++operation->done == operation->chunks)
        m_underWay.pop_front();
}

template <typename Condition>
void SharedRing::waitFor(std::int64_t rank, const Condition& isTrue)
{
    for (int look = 0; look <= m_looks; ++look) {
        if (isTrue())
            return;
        ::sched_yield(); // another rank may need this core
    }
    State& own = stateOf(m_rank);
    const double deadline = systemClock().steadySeconds() + m_deadlineSeconds;
    while (true) {
        own.isAsleep = 1;
        const std::uint32_t bell = own.bell;
        if (isTrue())
            break;
        try {
            requireAlive(rank, deadline);
        } catch (const Error&) {
            own.isAsleep = 0;
            if (isTrue()) // it was the last thing that the rank did
                return;
            throw;
        }
        sleepOn(own.bell, bell);
    }
    own.isAsleep = 0;
}

void SharedRing::requireAlive(std::int64_t rank, double deadline) const
{
    if (m_isAborted)
        throw Error(ErrorKind::Resource, "given up");
    if (stateOf(rank).hasLeft != 0)
        throw Error(ErrorKind::Resource, concat("rank ", rank, " has left"));
    pollfd process { .fd = m_processes[static_cast<std::size_t>(rank)].value(), .events = POLLIN, .revents = 0 };
    if (::poll(&process, 1, 0) == 1 && (process.revents & POLLIN) != 0)
        throw Error(ErrorKind::Resource, concat("the process of rank ", rank, " has ended"));
    if (systemClock().steadySeconds() > deadline)
        throw Error(ErrorKind::Resource, concat("rank ", rank, " did not come within ", shortest(m_deadlineSeconds), " s"));
}

void SharedRing::ring(std::int64_t rank) const
{
    State& state = stateOf(rank);
    ++state.bell;
    if (state.isAsleep != 0)
        wakeAllOn(state.bell);
}

void SharedRing::ringOthers() const
{
    for (std::int64_t rank = 0; rank < m_shape.ranks; ++rank)
        if (rank != m_rank)
            ring(rank);
}

void SharedRing::abort()
{
    m_isAborted = true;
    ring(m_rank);
}

} // namespace midpoint::distributed
