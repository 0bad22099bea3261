#include "backend/difficulty/selection.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/difficulty/clusters.h"
#include "backend/difficulty/gumbel.h"

#include <cmath>
#include <limits>
#include <string>

namespace midpoint::difficulty {
namespace {

void expectBelief(const SelectionInput& input, std::span<const double> values, const char* what)
{
    if (values.size() != input.ids.size())
        throw Error(ErrorKind::Internal,
            concat("selection: ", values.size(), " values of ", what, " for ", input.ids.size(), " prompts"));
}

GumbelDraw drawOf(const SelectionInput& input, std::span<const double> logits)
{
    GumbelDraw draw;
    draw.key.seed = input.seed;
    draw.key.purpose = DrawPurpose::Selection;
    draw.key.step = input.step;
    draw.count = input.count;
    draw.ids = input.ids;
    draw.logits = logits;
    draw.blocked = input.blocked;
    return draw;
}

class Uniform : public SelectionStrategy {
public:
    explicit Uniform(std::string name)
        : m_name(std::move(name))
    {
    }
    const char* name() const override { return m_name.c_str(); }
    bool needsBelief() const override { return false; }
    Selection select(const SelectionInput& input) const override
    {
        const std::vector<double> logits(input.ids.size(), 0.0);
        return { gumbelTopK(drawOf(input, logits)), drawEntropy(logits, input.blocked) };
    }

private:
    std::string m_name;
};

// DOTS: P(q) proportional to exp(-|p_q - alpha| / tau), without replacement.
class DifficultyTargeted : public SelectionStrategy {
public:
    DifficultyTargeted(std::string name, double target, double temperature)
        : m_name(std::move(name))
        , m_target(target)
        , m_temperature(temperature)
    {
    }
    const char* name() const override { return m_name.c_str(); }
    bool needsBelief() const override { return true; }
    Selection select(const SelectionInput& input) const override
    {
        expectBelief(input, input.mean, "the success rate");
        std::vector<double> logits(input.ids.size());
        const double scale = m_temperature > 0.0 ? m_temperature : 1.0;
        for (std::size_t i = 0; i < logits.size(); ++i)
            logits[i] = -std::abs(input.mean[i] - m_target) / scale;
        if (m_temperature > 0.0)
            return { gumbelTopK(drawOf(input, logits)), drawEntropy(logits, input.blocked) };
        return { plainTopK(drawOf(input, logits)), 0.0 };
    }

private:
    std::string m_name;
    double m_target;
    double m_temperature;
};

// MoPPS: one draw from the belief about each prompt, then those nearest to the target. Prompts little is known about
// are drawn near the target now and then, which is how they get explored.
class Thompson : public SelectionStrategy {
public:
    Thompson(std::string name, double target)
        : m_name(std::move(name))
        , m_target(target)
    {
    }
    const char* name() const override { return m_name.c_str(); }
    bool needsBelief() const override { return true; }
    Selection select(const SelectionInput& input) const override
    {
        expectBelief(input, input.mean, "the success rate");
        expectBelief(input, input.deviation, "its deviation");
        std::vector<double> logits(input.ids.size());
        for (std::size_t i = 0; i < logits.size(); ++i)
            logits[i] = -std::abs(drawRate(input, i) - m_target);
        return { plainTopK(drawOf(input, logits)), std::nullopt };
    }

private:
    // From the beta distribution with the belief's mean and deviation.
    static double drawRate(const SelectionInput& input, std::size_t i)
    {
        const double mean = input.mean[i];
        const double variance = input.deviation[i] * input.deviation[i];
        const double strength = variance > 0.0 ? mean * (1.0 - mean) / variance - 1.0 : 0.0;
        if (!(strength > 0.0)) // certain, or wider than any beta distribution
            return mean;
        RngKey key = drawOf(input, {}).key;
        key.prompt = input.ids[i];
        return Rng(key).beta(mean * strength, (1.0 - mean) * strength);
    }

    std::string m_name;
    double m_target;
};

// A chance proportional to a power of the expected signal p (1 - p) per token of a response: prompts without signal are left out, and
// those with some are drawn in all their variety. (The few best are much alike: on the demo a sharper choice found more
// signal and taught less.) A prompt just trained on rests for a few steps: its estimate is the one that training has just
// made wrong.
class ExpectedSignal : public SelectionStrategy {
public:
    ExpectedSignal(std::string name, double sharpness, double thrift)
        : m_name(std::move(name))
        , m_sharpness(sharpness)
        , m_thrift(thrift)
    {
    }
    const char* name() const override { return m_name.c_str(); }
    bool needsBelief() const override { return true; }
    Selection select(const SelectionInput& input) const override
    {
        expectBelief(input, input.signal, "the signal");
        constexpr double kFaintest = 1e-6; // signal; keeps the logarithm finite
        constexpr std::int64_t kRestSteps = 3;
        constexpr double kRestPenalty = 1000.0; // logits: chosen only when nothing else is left
        std::vector<double> logits(input.ids.size());
        for (std::size_t i = 0; i < logits.size(); ++i) {
            const double signal = std::max(input.signal[i], kFaintest);
            const double price = input.tokens.empty() ? 1.0 : std::max(input.tokens[i], 1.0);
            logits[i] = m_sharpness * (std::log(signal) - m_thrift * std::log(price));
            const bool rests = !input.lastChosenStep.empty() && input.lastChosenStep[i] >= 0
                && input.step - input.lastChosenStep[i] <= kRestSteps;
            if (rests)
                logits[i] -= kRestPenalty;
        }
        GumbelDraw draw = drawOf(input, logits);
        if (input.clusters.empty())
            return { gumbelTopK(draw), drawEntropy(logits, input.blocked) };
        // A kind may take twice its even share of the batch.
        const std::int64_t quota = std::max<std::int64_t>(1, 2 * input.count / input.clusterCount);
        draw.count *= kCandidates;
        return { withQuota(gumbelTopK(draw), input.clusters, input.count, quota), drawEntropy(logits, input.blocked) };
    }

private:
    static constexpr std::int64_t kCandidates = 8; // drawn for each place when kinds have quotas

    std::string m_name;
    double m_sharpness;
    double m_thrift;
};

} // namespace

std::unique_ptr<SelectionStrategy> makeStrategy(const config::SelectionSection& options)
{
    // Dynamic sampling chooses uniformly; dropping groups without signal and refilling is the training loop's part.
    if (options.strategy == "uniform" || options.strategy == "dynamic-sampling")
        return std::make_unique<Uniform>(options.strategy);
    // The released code differs from the paper in what surrounds the draw (calibration, references discarded), not in
    // the draw.
    if (options.strategy == "dots" || options.strategy == "dots-released")
        return std::make_unique<DifficultyTargeted>(options.strategy, options.target, options.temperature);
    if (options.strategy == "mopps")
        return std::make_unique<Thompson>(options.strategy, options.target);
    if (options.strategy == "midpoint")
        return std::make_unique<ExpectedSignal>(options.strategy, options.sharpness, options.thrift);
    throw Error(ErrorKind::Config,
        concat(
            "selection.strategy: expected uniform, dynamic-sampling, dots, dots-released, mopps or midpoint, found '",
            options.strategy, "'"));
}

} // namespace midpoint::difficulty
