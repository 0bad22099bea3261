#include "tests/kernels/block_emulator.h"

#include <csetjmp>
#include <memory>
#include <stdexcept>
#include <ucontext.h>

namespace midpoint::test {

namespace {

constexpr std::size_t kStackBytes = 64 * 1024;
using Wait = BlockFibers::Wait;

} // namespace

// A fiber is entered once through a context with its own stack; from then on both sides jump, which costs no system call.
struct BlockFibers::Fiber {
    std::unique_ptr<std::byte[]> stack = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
    ucontext_t context {};
    ucontext_t origin {};
    std::jmp_buf inside {};
    std::jmp_buf outside {};
    bool isStarted = false;
    Wait wait = Wait::None;
    const std::function<void(int)>* body = nullptr;
    int thread = 0;

    static void enter(unsigned low, unsigned high)
    {
        auto* fiber = reinterpret_cast<Fiber*>(static_cast<std::uintptr_t>(high) << 32U | low);
        (*fiber->body)(fiber->thread);
        fiber->wait = Wait::Ended;
        _longjmp(fiber->outside, 1);
    }

    void resume()
    {
        wait = Wait::None;
        if (_setjmp(outside) != 0)
            return;
        if (isStarted)
            _longjmp(inside, 1);
        isStarted = true;
        getcontext(&context);
        context.uc_stack.ss_sp = stack.get();
        context.uc_stack.ss_size = kStackBytes;
        const auto address = reinterpret_cast<std::uintptr_t>(this);
        makecontext(&context, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(address), static_cast<unsigned>(address >> 32U));
        setcontext(&context);
    }
};

BlockFibers::BlockFibers(int threads, std::int64_t sharedBytes, ThreadOrder order)
    : m_threads(threads)
    , m_order(order)
    , m_shared(static_cast<std::size_t>(sharedBytes))
    , m_places(static_cast<std::size_t>(2 * threads * kPlaceBytes))
    , m_fibers(static_cast<std::size_t>(threads))
{
}

BlockFibers::~BlockFibers() = default;

void BlockFibers::wait(int thread, Wait barrier)
{
    Fiber& fiber = m_fibers[static_cast<std::size_t>(thread)];
    fiber.wait = barrier;
    if (_setjmp(fiber.inside) == 0)
        _longjmp(fiber.outside, 1);
}

void BlockFibers::run(const std::function<void(int thread)>& body)
{
    std::fill(m_shared.begin(), m_shared.end(), std::byte { 0xff }); // NaN, wherever something is read that was not written
    for (int t = 0; t < m_threads; ++t) {
        Fiber& fiber = m_fibers[static_cast<std::size_t>(t)];
        fiber.isStarted = false;
        fiber.wait = Wait::None;
        fiber.body = &body;
        fiber.thread = t;
    }
    do {
        for (int i = 0; i < m_threads; ++i) {
            Fiber& fiber = m_fibers[static_cast<std::size_t>(m_order == ThreadOrder::Rising ? i : m_threads - 1 - i)];
            if (fiber.wait == Wait::None)
                fiber.resume();
        }
    } while (release());
}

// Opens the barriers that all have reached; false if every thread has ended.
bool BlockFibers::release()
{
    int ended = 0;
    int atBlock = 0;
    bool isReleased = false;
    for (int first = 0; first < m_threads; first += kernels::cuda::kWarp) {
        int atWarp = 0;
        for (int t = first; t < first + kernels::cuda::kWarp; ++t) {
            const Wait wait = m_fibers[static_cast<std::size_t>(t)].wait;
            atWarp += wait == Wait::Warp ? 1 : 0;
            atBlock += wait == Wait::Block ? 1 : 0;
            ended += wait == Wait::Ended ? 1 : 0;
        }
        if (atWarp == kernels::cuda::kWarp) {
            isReleased = true;
            for (int t = first; t < first + kernels::cuda::kWarp; ++t)
                m_fibers[static_cast<std::size_t>(t)].wait = Wait::None;
        }
    }
    if (ended == m_threads)
        return false;
    if (atBlock == m_threads) {
        isReleased = true;
        for (Fiber& fiber : m_fibers)
            fiber.wait = Wait::None;
    }
    if (!isReleased)
        throw std::logic_error("a barrier of the kernel is not reached by all threads");
    return true;
}

} // namespace midpoint::test
