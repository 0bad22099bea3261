// Devices of ranks, and ranks that look out for each other.
#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/engine/peer_watch.h"
#include "backend/engine/rank_device.h"
#include "backend/launch/heartbeat.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

namespace midpoint::engine {
namespace {

using testing::AllOf;
using testing::HasSubstr;

launch::RankEnvironment place(std::int64_t localRank, std::int64_t ranks)
{
    launch::RankEnvironment place;
    place.localRank = localRank;
    place.localWorldSize = ranks;
    place.worldSize = ranks;
    return place;
}

TEST(RankDevice, Lists_AreDealtByThePlaceOnTheHost)
{
    EXPECT_EQ(deviceOf({ "cpu" }, place(3, 4)), "cpu");
    EXPECT_EQ(deviceOf({ "cuda:2", "cuda:5" }, place(1, 2)), "cuda:5");
    EXPECT_EQ(deviceOf({ "cuda:0", "cuda:1", "cuda:2" }, place(1, 2)), "cuda:1") << "a device may stay free";
    EXPECT_EQ(deviceOf({ "cuda:0" }, place(3, 4)), "cuda:3") << "one for each rank that a launcher started";
    EXPECT_EQ(deviceOf({ "cuda:6" }, place(0, 1)), "cuda:6");
}

TEST(RankDevice, FewerDevicesThanRanks_IsAnErrorOnEveryRank)
{
    for (std::int64_t rank = 0; rank < 3; ++rank)
        try {
            deviceOf({ "cuda:0", "cuda:1" }, place(rank, 3));
            FAIL() << rank;
        } catch (const Error& error) {
            EXPECT_THAT(error.what(), AllOf(HasSubstr("run.devices"), HasSubstr("3 ranks"), HasSubstr("cuda:0, cuda:1")));
        }
}

TEST(RankDevice, Index_IsThatOfCudaDevicesOnly)
{
    EXPECT_EQ(cudaIndex("cuda:11"), 11);
    EXPECT_EQ(cudaIndex("cpu"), std::nullopt);
}

// A transport that is asked to abort, and nothing else.
class AbortedTransport final : public distributed::Transport {
public:
    explicit AbortedTransport(std::atomic<bool>& isAborted)
        : m_isAborted(isAborted)
    {
    }
    Wait allReduce(torch::Tensor, distributed::Reduction) override { return [] {}; }
    Wait reduceScatter(torch::Tensor, torch::Tensor) override { return [] {}; }
    Wait allGather(torch::Tensor, torch::Tensor) override { return [] {}; }
    Wait broadcast(torch::Tensor, std::int64_t) override { return [] {}; }
    distributed::InPlaceShards* inPlace(const torch::Tensor&) override { return nullptr; }
    void abort() override
    {
        m_isAborted = true;
        m_isAborted.notify_all();
    }

private:
    std::atomic<bool>& m_isAborted;
};

TEST(PeerWatch, RankThatFailed_EndsWhatTheOthersWaitFor)
{
    test::TemporaryFolder folder;
    const launch::RunFolder run = launch::RunFolder::create(folder / "run");
    launch::HeartbeatWriter lost(run, 1);
    lost.finishWithoutPeer("its connection broke");
    std::atomic<bool> isAborted = false;
    distributed::Communicator communicator(0, 3, std::make_unique<AbortedTransport>(isAborted));
    const PeerWatch watch(folder / "run", communicator, 0.01);
    EXPECT_EQ(failedRank(run), std::nullopt) << "a rank that lost another one is not the reason";
    communicator.barrier("goes on");
    launch::HeartbeatWriter failed(run, 2);
    failed.fail("out of memory", 1);
    isAborted.wait(false);
    try {
        communicator.barrier("ends");
        FAIL() << "rank 2 is gone";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("rank 2 on "), HasSubstr("out of memory")));
    }
}

} // namespace
} // namespace midpoint::engine
