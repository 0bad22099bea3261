// Ranks on devices: which library carries what, what ends a wait for a device, and what is said where NCCL cannot be opened.
#include "backend/core/error.h"
#include "backend/distributed/all_reduce_check.h"
#include "backend/distributed/nccl/nccl_module.h"
#include "backend/launch/peer_lost.h"
#include "tests/backend/distributed/rank_threads.h"

#include <gmock/gmock.h>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include <condition_variable>
#include <dlfcn.h>
#include <filesystem>
#include <mutex>

namespace midpoint::distributed {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;

// Notes what it is asked for. Its operations end at once, or when it is aborted.
class NotingTransport final : public Transport {
public:
    enum class Ending { AtOnce, WhenAborted };
    NotingTransport(std::vector<std::string>& notes, std::string name, Ending ending = Ending::AtOnce)
        : m_notes(notes)
        , m_name(std::move(name))
        , m_ending(ending)
    {
    }
    Wait allReduce(torch::Tensor, Reduction) override { return note("allReduce"); }
    Wait reduceScatter(torch::Tensor, torch::Tensor) override { return note("reduceScatter"); }
    Wait allGather(torch::Tensor, torch::Tensor) override { return note("allGather"); }
    Wait broadcast(torch::Tensor, std::int64_t) override { return note("broadcast"); }
    InPlaceShards* inPlace(const torch::Tensor&) override { return nullptr; }
    void abort() override
    {
        const std::scoped_lock lock(m_mutex);
        m_notes.push_back(m_name + " abort");
        m_isAborted = true;
        m_changed.notify_all();
    }

private:
    Wait note(const std::string& operation)
    {
        m_notes.push_back(concat(m_name, " ", operation));
        return [this] {
            std::unique_lock lock(m_mutex);
            m_changed.wait(lock, [this] { return m_ending == Ending::AtOnce || m_isAborted; });
        };
    }

    std::vector<std::string>& m_notes;
    std::string m_name;
    Ending m_ending;
    std::mutex m_mutex; // guards m_isAborted
    std::condition_variable m_changed;
    bool m_isAborted = false;
};

TEST(TransportByDevice, Tensors_GoTheWayOfTheirDevice)
{
    std::vector<std::string> notes;
    const auto transport = makeTransportByDevice(
        std::make_unique<NotingTransport>(notes, "host"), std::make_unique<NotingTransport>(notes, "devices"));
    const torch::Tensor onHost = torch::zeros({ 2 });
    const torch::Tensor onDevice = torch::zeros({ 2 }, torch::kMeta); // any device that is not the host
    for (const torch::Tensor& tensor : { onHost, onDevice }) {
        transport->allReduce(tensor, Reduction::Sum)();
        transport->reduceScatter(tensor, tensor)();
        transport->allGather(tensor, tensor)();
        transport->broadcast(tensor, 0)();
    }
    transport->abort();
    EXPECT_THAT(notes, ElementsAre("host allReduce", "host reduceScatter", "host allGather", "host broadcast", "devices allReduce",
                           "devices reduceScatter", "devices allGather", "devices broadcast", "devices abort", "host abort"));
}

TEST(Communicator, GivenUpWhileItWaits_EndsTheWaitWithTheReasonAndRefusesMore)
{
    std::vector<std::string> notes;
    Communicator communicator(0, 2, std::make_unique<NotingTransport>(notes, "devices", NotingTransport::Ending::WhenAborted));
    const torch::Tensor tensor = torch::zeros({ 4 });
    Pending pending = communicator.startReduceScatter(tensor.narrow(0, 0, 2), tensor, "reduce gradients");
    std::jthread watch([&] { communicator.giveUp("rank 1 on node1 failed: signal 9"); });
    try {
        pending.wait();
        FAIL() << "the other rank is gone";
    } catch (const launch::PeerLost& lost) {
        EXPECT_THAT(lost.what(), AllOf(HasSubstr("rank 0 lost the other ranks"), HasSubstr("rank 1 on node1 failed: signal 9")));
    }
    watch.join();
    communicator.giveUp("again");
    EXPECT_THROW(communicator.barrier("next"), launch::PeerLost);
    EXPECT_THAT(notes, ElementsAre("devices reduceScatter", "devices abort")) << "nothing is begun afterwards, and abort is said once";
}

TEST(Nccl, WhereItCannotWork_SaysWhatIsMissing)
{
    NcclModule* module = nullptr;
    try {
        module = &openNccl();
    } catch (const Error& error) { // the CPU set of LibTorch, or a build without the module
        EXPECT_THAT(error.what(), AnyOf(AllOf(HasSubstr(kNcclModuleFile), HasSubstr("this build has no NCCL module")),
                                      AllOf(HasSubstr("libtorch_cuda.so"), HasSubstr("pip install torch"))));
        return;
    }
    EXPECT_THAT(module->version(), HasSubstr("2."));
    if (torch::hasCUDA() && at::detail::getCUDAHooks().deviceCount() > 0)
        GTEST_SKIP() << "there are devices here: see Nccl.AllReduce";
    EXPECT_THROW(module->makeTransport(c10::make_intrusive<c10d::HashStore>(), 0, 1, 0, {}), std::exception);
}

TEST(Nccl, AllReduce_OverAllDevices_GivesTheSum)
{
    std::vector<std::string> devices;
    try {
        openNccl();
        for (int i = 0; torch::hasCUDA() && i < static_cast<int>(at::detail::getCUDAHooks().deviceCount()); ++i)
            devices.push_back(concat("cuda:", i));
    } catch (const Error& error) {
        GTEST_SKIP() << error.what();
    }
    if (devices.size() < 2)
        GTEST_SKIP() << "needs two GPUs, found " << devices.size();
    EXPECT_GT(checkAllReduce(devices).bytesPerSecond, 0.0);
}

TEST(AllReduceCheck, RanksOnTheHost_AddUpAndAreMeasured)
{
    const std::vector<std::string> devices { "cpu", "cpu", "cpu" };
    const AllReduceCheck check = checkAllReduce(devices, 4 << 10);
    EXPECT_EQ(check.through, "Gloo");
    EXPECT_EQ(check.bytes, 4 << 10);
    EXPECT_GT(check.seconds, 0.0);
    EXPECT_DOUBLE_EQ(check.bytesPerSecond, 4.0 / 3.0 * 4096.0 / check.seconds);
}

TEST(Rendezvous, DevicesThatDoNotGoTogether_AreRefused)
{
    const auto on = [](std::int64_t rank, const std::string& host, const std::string& device, const std::string& visible = "") {
        Identity identity = test::identityOf(rank);
        identity.host = host;
        identity.device = device;
        identity.visible = visible;
        return identity;
    };
    EXPECT_EQ(disagreement({ on(0, "a", "cuda:0"), on(1, "a", "cuda:1"), on(2, "b", "cuda:0") }), "");
    EXPECT_EQ(disagreement({ on(0, "a", "cuda:0", "0"), on(1, "a", "cuda:0", "1") }), "") << "each sees a device of its own";
    EXPECT_EQ(disagreement({ on(0, "a", "cpu"), on(1, "a", "cpu") }), "");
    EXPECT_THAT(disagreement({ on(0, "a", "cuda:0"), on(1, "b", "cpu") }), AllOf(HasSubstr("rank 0 on a"), HasSubstr("rank 1 on b"), HasSubstr("run.devices")));
    EXPECT_THAT(disagreement({ on(0, "a", "cuda:1"), on(1, "a", "cuda:1") }), AllOf(HasSubstr("share a device"), HasSubstr("cuda:1")));
}

} // namespace
} // namespace midpoint::distributed
