#include "tests/kernels/emulated_module.h"

#include "kernels/cuda/operation_set.h"
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

class EmulatedModule : public kernels::cuda::Module {
public:
    kernels::cuda::Discovery discover() override { return {}; }
    void useDevice(int) override {}
    void* allocate(std::int64_t bytes) override { return std::malloc(static_cast<std::size_t>(bytes)); }
    void release(void* memory) override { std::free(memory); }
    void copyToDevice(void* to, const void* from, std::int64_t bytes, kernels::cuda::Stream) override { copy(to, from, bytes); }
    void copyToHost(void* to, const void* from, std::int64_t bytes, kernels::cuda::Stream) override { copy(to, from, bytes); }
    void wait(kernels::cuda::Stream) override {}
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
