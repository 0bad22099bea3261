#include "backend/distributed/all_reduce_check.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/distributed/nccl/nccl_module.h"

#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include <algorithm>
#include <exception>
#include <thread>
#include <vector>

namespace midpoint::distributed {
namespace {

constexpr int kRepeats = 5; // after one that is not counted
constexpr double kDeadlineSeconds = 60.0;

class Check {
public:
    Check(std::span<const std::string> devices, std::int64_t bytes)
        : m_devices(devices)
        , m_elements(bytes / static_cast<std::int64_t>(sizeof(float)))
        , m_isHost(devices.front() == "cpu")
        , m_seconds(kRepeats)
        , m_errors(devices.size())
    {
    }

    AllReduceCheck run()
    {
        std::vector<std::jthread> threads;
        for (std::size_t rank = 0; rank < m_devices.size(); ++rank)
            threads.emplace_back([this, rank] {
                try {
                    work(rank);
                } catch (...) {
                    m_errors[rank] = std::current_exception();
                }
            });
        threads.clear(); // joins them
        for (const std::exception_ptr& error : m_errors)
            if (error != nullptr)
                rethrow(error);
        std::nth_element(m_seconds.begin(), m_seconds.begin() + kRepeats / 2, m_seconds.end());
        AllReduceCheck result;
        result.through = m_isHost ? "Gloo" : concat("NCCL ", openNccl().version());
        result.bytes = m_elements * static_cast<std::int64_t>(sizeof(float));
        result.seconds = m_seconds[kRepeats / 2];
        const auto ranks = static_cast<double>(m_devices.size());
        result.bytesPerSecond = 2.0 * (ranks - 1.0) / ranks * static_cast<double>(result.bytes) / result.seconds;
        return result;
    }

private:
    [[noreturn]] static void rethrow(const std::exception_ptr& error)
    {
        try {
            std::rethrow_exception(error);
        } catch (const Error&) {
            throw;
        } catch (const std::exception& cause) {
            const std::string_view text = cause.what();
            throw Error(ErrorKind::Resource, std::string(text.substr(0, text.find('\n'))));
        }
    }

    std::unique_ptr<Transport> connect(std::size_t rank) const
    {
        const auto own = static_cast<std::int64_t>(rank);
        const auto size = std::ssize(m_devices);
        const TransportOptions options { .collectiveSeconds = kDeadlineSeconds };
        return m_isHost ? makeGlooTransport(m_store, own, size, options)
                        : openNccl().makeTransport(m_store, own, size, torch::Device(m_devices[rank]).index(), options);
    }

    void work(std::size_t rank)
    {
        const std::unique_ptr<Transport> transport = connect(rank);
        const torch::Tensor tensor = torch::empty({ m_elements }, torch::TensorOptions(torch::Device(m_devices[rank])));
        const auto size = static_cast<float>(m_devices.size());
        for (int repeat = -1; repeat < kRepeats; ++repeat) {
            tensor.fill_(static_cast<float>(rank) + 1.0F);
            tensor[0].item(); // the device is done
            const double started = systemClock().steadySeconds();
            transport->allReduce(tensor, Reduction::Sum)();
            tensor[0].item();
            if (rank == 0 && repeat >= 0)
                m_seconds[static_cast<std::size_t>(repeat)] = systemClock().steadySeconds() - started;
            const float expected = size * (size + 1.0F) / 2.0F;
            // Kept for the end: the others must not be left alone in the next one.
            if (m_errors[rank] == nullptr && !(tensor == expected).all().item<bool>())
                m_errors[rank] = std::make_exception_ptr(Error(ErrorKind::Resource, concat("an all-reduce over ", join(std::vector<std::string>(m_devices.begin(), m_devices.end()), ", "),
                    " gave a wrong sum on ", m_devices[rank], ": expected ", expected, ", found values from ", tensor.min().item<float>(), " to ",
                    tensor.max().item<float>())));
        }
    }

    std::span<const std::string> m_devices;
    std::int64_t m_elements;
    bool m_isHost;
    c10::intrusive_ptr<c10d::Store> m_store = c10::make_intrusive<c10d::HashStore>();
    std::vector<double> m_seconds; // written by rank 0
    std::vector<std::exception_ptr> m_errors;
};

} // namespace

AllReduceCheck checkAllReduce(std::span<const std::string> devices, std::int64_t bytes)
{
    MIDPOINT_ASSERT(devices.size() >= 2, "an all-reduce needs two ranks");
    return Check(devices, bytes).run();
}

} // namespace midpoint::distributed
