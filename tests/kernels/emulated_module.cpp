#include "tests/kernels/emulated_module.h"

#include "kernels/cuda/operation_set.h"
#include "kernels/decode_rows_device.h"
#include "kernels/packed_attention_device.h"
#include "kernels/packed_linear_device.h"
#include "kernels/paged_attention_device.h"
#include "kernels/rms_norm_device.h"
#include "kernels/rotary_device.h"
#include "kernels/sample_device.h"
#include "kernels/swiglu_device.h"
#include "kernels/token_logprob_device.h"
#include "tests/kernels/block_emulator.h"

#include <cstdlib>
#include <utility>

namespace midpoint::test {
namespace {

// One operation has one order of threads, the next one the other: the second run of a twin check shows missing barriers.
struct AlternatingOrder {
    ThreadOrder* next;
    EmulatedLaunch operator()(kernels::cuda::Stream) const
    {
        const ThreadOrder order = *next;
        *next = order == ThreadOrder::Rising ? ThreadOrder::Falling : ThreadOrder::Rising;
        return { order };
    }
};

constexpr std::int64_t kMemoryBytes = 1 << 30;

struct PassedEvent final : kernels::cuda::Event {
    void record(kernels::cuda::Stream) override {}
    void wait() override {}
};

// Where nothing is queued, the work itself is done again. It is done while it is recorded too, which stands for the first launch.
class RepeatedWork final : public kernels::cuda::Graph {
public:
    explicit RepeatedWork(std::function<void()> work)
        : m_work(std::move(work))
    {
        m_work();
    }
    void launch(kernels::cuda::Stream) override
    {
        if (!std::exchange(m_isDone, false))
            m_work();
    }

private:
    std::function<void()> m_work;
    bool m_isDone = true;
};

class EmulatedModule : public kernels::cuda::Module {
public:
    kernels::cuda::Discovery discover() override { return {}; }
    kernels::cuda::Device openDevice(int) override { return {}; }
    void useDevice(int) override {}
    kernels::cuda::FreeMemory freeMemory() override { return { kMemoryBytes, kMemoryBytes }; }
    void* allocate(std::int64_t bytes) override { return std::malloc(static_cast<std::size_t>(bytes)); }
    void release(void* memory) override { std::free(memory); }
    void copyToDevice(void* to, const void* from, std::int64_t bytes, kernels::cuda::Stream) override { copy(to, from, bytes); }
    void copyToHost(void* to, const void* from, std::int64_t bytes, kernels::cuda::Stream) override { copy(to, from, bytes); }
    void wait(kernels::cuda::Stream) override {}
    void* allocateOnHost(std::int64_t bytes) override { return allocate(bytes); }
    void releaseOnHost(void* memory) override { release(memory); }
    std::unique_ptr<kernels::cuda::Event> makeEvent() override { return std::make_unique<PassedEvent>(); }
    std::unique_ptr<kernels::cuda::Graph> capture(kernels::cuda::Stream, const std::function<void()>& work) override
    {
        return std::make_unique<RepeatedWork>(work);
    }
    kernels::cuda::Operations& operations() override { return m_operations; }

private:
    static void copy(void* to, const void* from, std::int64_t bytes)
    {
        if (bytes > 0)
            std::memcpy(to, from, static_cast<std::size_t>(bytes));
    }

    ThreadOrder m_order = ThreadOrder::Rising;
    kernels::cuda::OperationSet<AlternatingOrder> m_operations { AlternatingOrder { &m_order } };
};

} // namespace

std::unique_ptr<kernels::cuda::Module> emulatedModule() { return std::make_unique<EmulatedModule>(); }

} // namespace midpoint::test
