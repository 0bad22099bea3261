#include "backend/core/clock.h"

#include <chrono>
#include <ctime>
#include <thread>

namespace midpoint {
namespace {

class SystemClock final : public Clock {
public:
    double steadySeconds() const override
    {
        return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    }
    std::int64_t wallMilliseconds() const override
    {
        return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    }
    void sleepFor(double seconds) const override
    {
        std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    }
};

} // namespace

const Clock& systemClock()
{
    static const SystemClock clock;
    return clock;
}

double processCpuSeconds()
{
    timespec time {};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

} // namespace midpoint
