#include "backend/difficulty/allocation.h"

#include "backend/core/error.h"

#include <queue>

namespace midpoint::difficulty {

// Response by response to where the next one is worth most per price. The gains fall with every response of a prompt, so that
// no other order does better, up to what is left of the budget at the end.
std::vector<std::int64_t> allocateSamples(
    std::span<const double> signals, std::span<const double> costs, const AllocationOptions& options)
{
    MIDPOINT_ASSERT(costs.empty() || costs.size() == signals.size(), "one price per prompt");
    MIDPOINT_ASSERT(
        1 <= options.fewest && options.fewest <= options.samples && options.samples <= options.most, "bounds around G");
    const auto costOf = [&](std::size_t i) { return costs.empty() ? 1.0 : costs[i]; };
    std::vector<std::int64_t> samples(signals.size(), options.fewest);
    struct Next {
        double gain;
        std::size_t prompt;
        bool operator<(const Next& other) const { return gain != other.gain ? gain < other.gain : prompt > other.prompt; }
    };
    std::priority_queue<Next> queue;
    const auto offer = [&](std::size_t i) {
        const auto n = static_cast<double>(samples[i]);
        if (samples[i] < options.most)
            queue.push({ signals[i] / (n * (n + 1.0)) / costOf(i), i });
    };
    double left = 0.0;
    for (std::size_t i = 0; i < signals.size(); ++i) {
        left += static_cast<double>(options.samples - options.fewest) * costOf(i);
        offer(i);
    }
    while (!queue.empty()) {
        const std::size_t i = queue.top().prompt;
        queue.pop();
        if (costOf(i) > left)
            continue; // a cheaper one may still fit
        left -= costOf(i);
        ++samples[i];
        offer(i);
    }
    return samples;
}

} // namespace midpoint::difficulty
