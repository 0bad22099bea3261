// Collectives of CPU tensors over c10d and Gloo. Devices are made by c10d's own functions: the Gloo inside LibTorch is newer
// than the headers of the system.
#include "backend/distributed/process_group_transport.h"

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <cstdlib>
#include <mutex>

namespace midpoint::distributed {
namespace {

class GlooTransport final : public ProcessGroupTransport<c10d::ProcessGroupGloo> {
public:
    GlooTransport(const c10::intrusive_ptr<c10d::Store>& store, std::int64_t rank, std::int64_t size, const TransportOptions& options)
    {
        turnRecorderOff();
        auto settings = c10d::ProcessGroupGloo::Options::create(
            std::chrono::milliseconds(static_cast<std::int64_t>(options.collectiveSeconds * 1000.0)));
        settings->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(options.ownAddress));
        m_group = c10::make_intrusive<c10d::ProcessGroupGloo>(store, static_cast<int>(rank), static_cast<int>(size), settings);
    }

    // Gloo's own reduce-scatter is an all-reduce inside: every rank would send all blocks twice. Here each block goes once, to its
    // rank, which adds up what it gets in the order of the ranks.
    Wait reduceScatter(torch::Tensor own, torch::Tensor all) override
    {
        torch::Tensor received = torch::empty_like(all);
        std::vector<std::int64_t> evenly;
        const c10::intrusive_ptr<c10d::Work> work = m_group->alltoall_base(received, all, evenly, evenly);
        return [work, own, received, all, ranks = m_group->getSize()]() mutable {
            work->wait();
            at::sum_out(own, received.view({ ranks, -1 }), 0);
        };
    }
};

} // namespace

void turnRecorderOff()
{
    static std::once_flag once;
    std::call_once(once, [] {
        if (std::getenv("TORCH_NCCL_TRACE_BUFFER_SIZE") == nullptr)
            ::setenv("TORCH_FR_BUFFER_SIZE", "0", 0);
    });
}

std::unique_ptr<Transport> makeGlooTransport(
    const c10::intrusive_ptr<c10d::Store>& store, std::int64_t rank, std::int64_t size, const TransportOptions& options)
{
    return std::make_unique<GlooTransport>(store, rank, size, options);
}

} // namespace midpoint::distributed
