#include "backend/engine/step_times.h"

namespace midpoint::engine {

std::vector<store::PhaseTiming> phaseTimings(const StepOutcome& outcome, std::int64_t storedStep)
{
    std::vector<store::PhaseTiming> timings;
    for (const PhaseTime& time : outcome.phases) {
        const double worked = time.seconds - time.waitSeconds;
        timings.push_back({ 0, time.phase, time.startSeconds, worked, storedStep });
        if (time.waitSeconds > 0.0)
            timings.push_back({ 0, "wait", time.startSeconds + worked, time.waitSeconds, storedStep });
    }
    for (store::PhaseTiming timing : outcome.timesOfOthers) {
        timing.step = storedStep;
        timings.push_back(std::move(timing));
    }
    return timings;
}

} // namespace midpoint::engine
