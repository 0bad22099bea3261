#include "backend/difficulty/selection.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/difficulty/gumbel.h"

#include <cmath>
#include <limits>
#include <string>

namespace midpoint::difficulty {
namespace {

void expectBelief(const SelectionInput& input, std::span<const double> values, const char* what)
{
    if (values.size() != input.ids.size())
        throw Error(ErrorKind::Internal, concat("selection: ", values.size(), " values of ", what, " for ", input.ids.size(), " prompts"));
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

} // namespace

std::unique_ptr<SelectionStrategy> makeStrategy(const config::SelectionSection& options)
{
    if (options.strategy == "uniform")
        return std::make_unique<Uniform>(options.strategy);
    // The released code differs from the paper in what surrounds the draw (calibration, references discarded), not in the draw.
    if (options.strategy == "dots" || options.strategy == "dots-released")
        return std::make_unique<DifficultyTargeted>(options.strategy, options.target, options.temperature);
    throw Error(ErrorKind::Config, concat("selection.strategy: expected uniform, dots or dots-released, found '", options.strategy, "'"));
}

} // namespace midpoint::difficulty
