// libmidpoint_nccl: collectives of tensors on CUDA devices over c10d and NCCL. c10d runs them on a stream of its own, which first
// waits for what the calling stream has queued, so they go on beside computation.
#include "backend/distributed/nccl/nccl_module.h"
#include "backend/distributed/process_group_transport.h"

#include <c10/core/DeviceGuard.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include <cstdlib>
#include <exception>

namespace midpoint::distributed {
namespace {

class NcclTransport final : public ProcessGroupTransport<c10d::ProcessGroupNCCL> {
public:
    NcclTransport(const c10::intrusive_ptr<c10d::Store>& store, std::int64_t rank, std::int64_t size, std::int64_t device,
        const TransportOptions& options)
    {
        const at::Device own(at::kCUDA, static_cast<c10::DeviceIndex>(device));
        const c10::DeviceGuard onDevice(own);
        constexpr bool kIsHighPriority = true; // what is sent early is what the update waits for
        auto settings = c10d::ProcessGroupNCCL::Options::create(kIsHighPriority);
        settings->timeout = std::chrono::milliseconds(static_cast<std::int64_t>(options.collectiveSeconds * 1000.0));
        m_group = c10::make_intrusive<c10d::ProcessGroupNCCL>(
            c10::make_intrusive<c10d::PrefixStore>("nccl", store), static_cast<int>(rank), static_cast<int>(size), settings);
        m_group->setBoundDeviceId(own);
        m_group->eagerConnectSingleDevice(own); // here, where ranks meet, and not inside of the first update
    }

    // Leaving in good order tells the other ranks; after an error nobody may be there to be told.
    ~NcclTransport() override
    {
        try {
            if (std::uncaught_exceptions() > 0)
                m_group->abort();
            else
                m_group->shutdown();
        } catch (const std::exception&) {
            // The communicator had ended already.
        }
    }

    Wait reduceScatter(torch::Tensor own, torch::Tensor all) override { return waitFor(m_group->_reduce_scatter_base(own, all)); }

    void abort() override { m_group->abort(); }
};

class Module final : public NcclModule {
public:
    Module()
    {
        // Errors and deadlines end the operations under way and are thrown by the next one; c10d's own choice is to kill the
        // process, which could not say what happened. What a user has set stays.
        constexpr const char* kAbortOnly = "2"; // c10d::CleanUpOnly
        ::setenv("TORCH_NCCL_ASYNC_ERROR_HANDLING", kAbortOnly, 0);
    }

    std::string version() const override { return c10d::getNcclVersion(); }

    std::unique_ptr<Transport> makeTransport(const c10::intrusive_ptr<c10d::Store>& store, std::int64_t rank, std::int64_t size,
        std::int64_t device, const TransportOptions& options) override
    {
        return std::make_unique<NcclTransport>(store, rank, size, device, options);
    }
};

} // namespace
} // namespace midpoint::distributed

midpoint::distributed::NcclModule* midpoint_nccl_module()
{
    static midpoint::distributed::Module module;
    return &module;
}
