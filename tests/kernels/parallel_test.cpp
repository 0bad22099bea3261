#include "kernels/parallel.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace midpoint::kernels::test {
namespace {

struct ThreadCount {
    explicit ThreadCount(int threads)
        : before(at::get_num_threads())
    {
        at::set_num_threads(threads);
    }
    ~ThreadCount() { at::set_num_threads(before); }
    int before;
};

std::set<std::thread::id> threadsOf(std::int64_t count, std::int64_t grain)
{
    std::mutex mutex;
    std::set<std::thread::id> threads;
    parallelRanges(count, grain, [&](std::int64_t, std::int64_t) {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
    });
    return threads;
}

// Fails where parallel.cpp is compiled without OpenMP or another OpenMP than LibTorch's counts the threads.
TEST(ParallelRanges, TwoThreads_ShareTheWork)
{
    const ThreadCount two(2);
    EXPECT_EQ(threadsOf(100, 1).size(), 2U);
    EXPECT_EQ(threadsOf(100, 100).size(), 1U) << "less than a second thread's grain";
}

TEST(ParallelRanges, OneThread_IsTheCaller)
{
    const ThreadCount one(1);
    EXPECT_EQ(threadsOf(100, 1), std::set { std::this_thread::get_id() });
}

TEST(ParallelRanges, AnyCount_CoversEachIndexOnce)
{
    const ThreadCount three(3);
    for (const std::int64_t count : { 0, 1, 2, 3, 7, 100 }) {
        std::vector<int> visits(static_cast<std::size_t>(count), 0);
        parallelRanges(count, 2, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i)
                ++visits[static_cast<std::size_t>(i)]; // disjoint ranges
        });
        EXPECT_EQ(visits, std::vector<int>(static_cast<std::size_t>(count), 1)) << count;
    }
}

TEST(ParallelRanges, InsideARange_StaysInItsThread)
{
    const ThreadCount two(2);
    parallelRanges(2, 1, [](std::int64_t, std::int64_t) { EXPECT_EQ(threadsOf(100, 1), std::set { std::this_thread::get_id() }); });
}

TEST(ParallelRanges, BodyThatThrows_ThrowsInTheCaller)
{
    const ThreadCount two(2);
    EXPECT_THROW(parallelRanges(2, 1, [](std::int64_t begin, std::int64_t) {
        if (begin == 1)
            throw std::runtime_error("in the second thread");
    }), std::runtime_error);
}

} // namespace
} // namespace midpoint::kernels::test
