// Memory between processes: what is written arrives, slots are used again only when all have read them, and one that is gone ends
// the wait of the others.
#include "backend/distributed/shared_ring.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <gmock/gmock.h>

#include <csignal>
#include <cstring>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace midpoint::distributed {
namespace {

using testing::HasSubstr;

constexpr double kDeadlineSeconds = 20.0;

RingShape smallShape(std::int64_t ranks) { return { .ranks = ranks, .slots = 3, .slotBytes = sizeof(std::int64_t) }; }

// Numbers of this rank, which every rank adds up.
struct Sum {
    Sum(SharedRing& ring, std::int64_t rank, std::int64_t chunks)
        : operation(std::make_shared<RingOperation>())
    {
        operation->chunks = chunks;
        operation->write = [rank](std::int64_t chunk, std::byte* slot) {
            const std::int64_t value = 100 * rank + chunk;
            std::memcpy(slot, &value, sizeof value);
        };
        operation->read = [this, &ring](std::int64_t) {
            std::int64_t sum = 0;
            for (std::int64_t other = 0; other < ring.shape().ranks; ++other) {
                std::int64_t value = 0;
                std::memcpy(&value, ring.slot(other), sizeof value);
                sum += value;
            }
            sums.push_back(sum);
        };
    }
    std::shared_ptr<RingOperation> operation;
    std::vector<std::int64_t> sums;
};

std::string errorOf(const std::function<void()>& work)
{
    try {
        work();
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

TEST(SharedRing, MoreChunksThanSlotsOnEveryRank_ArriveInOrder)
{
    constexpr std::int64_t kRanks = 3;
    constexpr std::int64_t kChunks = 200;
    const RingShape shape = smallShape(kRanks);
    const SharedSegment segment = SharedSegment::make(shape.bytes());
    std::vector<std::vector<std::int64_t>> sums(kRanks);
    {
        std::vector<std::jthread> threads;
        for (std::int64_t rank = 0; rank < kRanks; ++rank)
            threads.emplace_back([&, rank] {
                SharedRing ring(SharedSegment::open(segment.description()), shape, rank, std::vector<std::int64_t>(kRanks, ::getpid()), kDeadlineSeconds);
                Sum first(ring, rank, kChunks), second(ring, rank, kChunks);
                ring.start(first.operation);
                ring.start(second.operation);
                ring.finish(*second.operation);
                EXPECT_EQ(first.sums, second.sums);
                sums[static_cast<std::size_t>(rank)] = first.sums;
            });
    }
    for (const std::vector<std::int64_t>& found : sums) {
        ASSERT_EQ(std::ssize(found), kChunks);
        for (std::int64_t chunk = 0; chunk < kChunks; ++chunk)
            EXPECT_EQ(found[static_cast<std::size_t>(chunk)], 300 + 3 * chunk);
    }
}

TEST(SharedRing, ProcessThatIsKilled_EndsTheWaitAndIsNamed)
{
    const RingShape shape = smallShape(2);
    const SharedSegment segment = SharedSegment::make(shape.bytes());
    const std::int64_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) {
        SharedRing ring(SharedSegment::open(segment.description()), shape, 1, { parent, ::getpid() }, kDeadlineSeconds);
        Sum sum(ring, 1, 1);
        ring.start(sum.operation);
        ring.finish(*sum.operation);
        ::pause();
        ::_exit(0);
    }
    SharedRing ring(SharedSegment::open(segment.description()), shape, 0, { parent, child }, kDeadlineSeconds);
    Sum both(ring, 0, 1);
    ring.start(both.operation);
    ring.finish(*both.operation);
    EXPECT_THAT(both.sums, testing::ElementsAre(100));
    std::jthread killer([child] { ::kill(child, SIGKILL); });
    Sum alone(ring, 0, 1);
    ring.start(alone.operation);
    EXPECT_THAT(errorOf([&] { ring.finish(*alone.operation); }), HasSubstr("the process of rank 1 has ended"));
    ::waitpid(child, nullptr, 0);
}

TEST(SharedRing, RankThatHasSaidAllAndLeft_IsStillHeard)
{
    const RingShape shape = smallShape(2);
    const SharedSegment segment = SharedSegment::make(shape.bytes());
    const std::vector<std::int64_t> processes(2, ::getpid());
    SharedRing ring(SharedSegment::open(segment.description()), shape, 0, processes, kDeadlineSeconds);
    {
        SharedRing other(SharedSegment::open(segment.description()), shape, 1, processes, kDeadlineSeconds);
        Sum said(other, 1, 2);
        other.start(said.operation);
    }
    Sum heard(ring, 0, 2);
    ring.start(heard.operation);
    ring.finish(*heard.operation);
    EXPECT_THAT(heard.sums, testing::ElementsAre(100, 102));
    Sum more(ring, 0, 1);
    ring.start(more.operation);
    EXPECT_THAT(errorOf([&] { ring.finish(*more.operation); }), HasSubstr("rank 1 has left"));
}

TEST(SharedRing, Aborted_EndsTheWaitAtOnce)
{
    const RingShape shape = smallShape(2);
    SharedRing ring(SharedSegment::make(shape.bytes()), shape, 0, { ::getpid(), ::getpid() }, kDeadlineSeconds);
    Sum sum(ring, 0, 1);
    ring.start(sum.operation);
    std::jthread watch([&ring] { ring.abort(); });
    EXPECT_THAT(errorOf([&] { ring.finish(*sum.operation); }), HasSubstr("given up"));
}

TEST(SharedSegment, WhatIsNotTheMakers_IsRefused)
{
    const SharedSegment segment = SharedSegment::make(100);
    EXPECT_EQ(SharedSegment::open(segment.description()).size(), 100U);
    std::string wrongMark = segment.description();
    wrongMark.pop_back();
    EXPECT_THAT(errorOf([&] { SharedSegment::open(wrongMark); }), HasSubstr("is not the shared memory of this run"));
    EXPECT_THAT(errorOf([] { SharedSegment::open(concat(::getpid(), " 987654 1")); }), HasSubstr("cannot open shared memory"));
    EXPECT_THAT(errorOf([] { SharedSegment::open("cannot make it"); }), HasSubstr("expected process, descriptor and mark"));
}

} // namespace
} // namespace midpoint::distributed
