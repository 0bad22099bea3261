// Time is injected, so that tests are repeatable.
#pragma once

#include <cstdint>

namespace midpoint {

class Clock {
public:
    virtual ~Clock() = default;
    virtual double steadySeconds() const = 0;           // monotonic, arbitrary origin
    virtual std::int64_t wallMilliseconds() const = 0;  // since the Unix epoch
    virtual void sleepFor(double seconds) const = 0;
};

const Clock& systemClock();

// Processor time of this process so far, all threads together.
double processCpuSeconds();

} // namespace midpoint
