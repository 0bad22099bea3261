// Runs the bodies of device kernels on the host: every thread of a block is a fiber that goes on until it meets a barrier, and no
// thread passes a barrier before all others of its block or warp are there. Two runs with opposite orders of the threads give
// different results where a barrier is missing; a barrier that some thread never reaches is an error.
#pragma once

#include "kernels/cuda/portable.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <functional>
#include <vector>

namespace midpoint::test {

enum class ThreadOrder : std::uint8_t { Rising, Falling };

// The fibers of one block of threads. Throws std::logic_error where threads wait for each other in vain.
class BlockFibers {
public:
    enum class Wait : std::uint8_t { None, Block, Warp, Ended };

    BlockFibers(int threads, std::int64_t sharedBytes, ThreadOrder order);
    ~BlockFibers();
    BlockFibers(const BlockFibers&) = delete;
    BlockFibers& operator=(const BlockFibers&) = delete;

    void run(const std::function<void(int thread)>& body);
    void wait(int thread, Wait barrier); // called by a fiber

    int threads() const { return m_threads; }
    std::byte* shared() { return m_shared.data(); }
    // Where the lanes of a warp show each other a value; two places in turn, so that one barrier for each exchange is enough.
    std::byte* place(int thread, int turn) { return m_places.data() + (turn * m_threads + thread) * kPlaceBytes; }

    static constexpr std::int64_t kPlaceBytes = 8;

private:
    struct Fiber;
    bool release();

    int m_threads;
    ThreadOrder m_order;
    std::vector<std::byte> m_shared;
    std::vector<std::byte> m_places;
    std::vector<Fiber> m_fibers;
};

// What a body sees of its block: the host's twin of kernels/cuda/block.cuh.
class EmulatedBlock {
public:
    EmulatedBlock(BlockFibers& fibers, const kernels::cuda::Grid& block, int thread)
        : m_fibers(fibers)
        , m_block(block)
        , m_thread(thread)
    {
    }
    std::int64_t x() const { return m_block.x; }
    std::int64_t y() const { return m_block.y; }
    std::int64_t z() const { return m_block.z; }
    int thread() const { return m_thread; }
    int threads() const { return m_fibers.threads(); }
    void sync() { m_fibers.wait(m_thread, BlockFibers::Wait::Block); }

    template <typename T>
    T* shared(std::int64_t byteOffset = 0)
    {
        return reinterpret_cast<T*>(m_fibers.shared() + byteOffset);
    }
    template <int Lanes = kernels::cuda::kWarp, typename Value>
    Value sum(Value value)
    {
        return overLanes<Lanes>(value, [](Value a, Value b) { return a + b; });
    }
    template <int Lanes = kernels::cuda::kWarp, typename Value>
    Value max(Value value)
    {
        return overLanes<Lanes>(value, [](Value a, Value b) { return a < b ? b : a; });
    }
    template <typename Value>
    Value runningSum(Value value)
    {
        const auto values = exchange(value);
        Value sum {};
        for (int lane = 0; lane <= m_thread % kernels::cuda::kWarp; ++lane)
            sum += values[static_cast<std::size_t>(lane)];
        return sum;
    }
    int fetchAdd(int* counter, int value)
    {
        const int before = *counter;
        *counter += value;
        return before;
    }

private:
    template <typename Value>
    std::array<Value, kernels::cuda::kWarp> exchange(Value value)
    {
        static_assert(sizeof(Value) <= BlockFibers::kPlaceBytes);
        m_turn = 1 - m_turn;
        std::memcpy(m_fibers.place(m_thread, m_turn), &value, sizeof value);
        m_fibers.wait(m_thread, BlockFibers::Wait::Warp);
        std::array<Value, kernels::cuda::kWarp> values;
        const int first = m_thread / kernels::cuda::kWarp * kernels::cuda::kWarp;
        for (int lane = 0; lane < kernels::cuda::kWarp; ++lane)
            std::memcpy(&values[static_cast<std::size_t>(lane)], m_fibers.place(first + lane, m_turn), sizeof value);
        return values;
    }
    // In the order of the device's exchange between lanes that differ in one bit, the highest first.
    template <int Lanes, typename Value, typename Combine>
    Value overLanes(Value value, const Combine& combine)
    {
        auto values = exchange(value);
        for (int offset = Lanes / 2; offset > 0; offset /= 2) {
            const auto before = values;
            for (int lane = 0; lane < kernels::cuda::kWarp; ++lane)
                values[static_cast<std::size_t>(lane)]
                    = combine(before[static_cast<std::size_t>(lane)], before[static_cast<std::size_t>(lane ^ offset)]);
        }
        return values[static_cast<std::size_t>(m_thread % kernels::cuda::kWarp)];
    }

    BlockFibers& m_fibers;
    kernels::cuda::Grid m_block;
    int m_thread;
    int m_turn = 0;
};

// What starts bodies: the host's twin of kernels/cuda/launch.cuh.
struct EmulatedLaunch {
    ThreadOrder order = ThreadOrder::Rising;

    template <typename Body>
    void operator()(const kernels::cuda::Grid& grid, const Body& body) const
    {
        BlockFibers fibers(Body::kThreads, body.sharedBytes(), order);
        for (std::int64_t z = 0; z < grid.z; ++z)
            for (std::int64_t y = 0; y < grid.y; ++y)
                for (std::int64_t x = 0; x < grid.x; ++x)
                    fibers.run([&](int thread) {
                        EmulatedBlock block(fibers, { x, y, z }, thread);
                        body(block);
                    });
    }
};

} // namespace midpoint::test
