// Made-up truths for the simulator, and truths from files.
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/rng.h"
#include "backend/core/statistics.h"
#include "backend/core/text.h"
#include "backend/difficulty/simulation.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>

namespace midpoint::difficulty {
namespace {

constexpr std::int64_t kClusters = 8;

double sigmoid(double x)
{
    return 1.0 / (1.0 + std::exp(-x));
}

std::vector<PromptId> idsUpTo(std::int64_t count)
{
    std::vector<PromptId> ids(static_cast<std::size_t>(count));
    std::iota(ids.begin(), ids.end(), PromptId { 1 });
    return ids;
}

Rng rngOf(std::uint64_t seed, std::int64_t subject)
{
    RngKey key;
    key.seed = seed;
    key.purpose = DrawPurpose::Simulation;
    key.step = -1;
    key.prompt = subject;
    return Rng(key);
}

struct SyntheticPrompt {
    double difficulty = 0.0; // logit
    std::int64_t cluster = 0;
    double jumpAt = 0.0; // share of the run after which a prompt of World::Jumps is solved
};

class SyntheticTruth : public Truth {
public:
    SyntheticTruth(const WorldOptions& options, std::vector<SyntheticPrompt> prompts)
        : m_options(options)
        , m_prompts(std::move(prompts))
        , m_pool(idsUpTo(options.prompts))
    {
    }
    std::int64_t steps() const override { return m_options.steps; }
    const PromptPool& pool() const override { return m_pool; }
    void ratesAt(std::int64_t step, std::span<double> out) const override
    {
        const double time
            = static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(m_options.steps - 1, 1)); // 0 to 1
        for (std::size_t i = 0; i < m_prompts.size(); ++i)
            out[i] = sigmoid(ability(m_prompts[i], time) - m_prompts[i].difficulty);
    }

private:
    double ability(const SyntheticPrompt& prompt, double time) const
    {
        const double steady = m_options.gain * time;
        const double place = static_cast<double>(prompt.cluster) / static_cast<double>(kClusters - 1); // 0 to 1
        switch (m_options.world) {
        case World::ItemResponse:
            return steady;
        case World::Clusters:
            return steady * 2.0 * place;
        case World::Forgetting: {
            // Each cluster in turn falls back for a tenth of the run.
            const double begin = 0.1 + 0.8 * place;
            return time >= begin && time < begin + 0.1 ? steady - m_options.gain : steady;
        }
        case World::Jumps:
            return time >= prompt.jumpAt ? 0.5 * steady + m_options.gain : 0.5 * steady - m_options.gain;
        }
        return steady;
    }

    WorldOptions m_options;
    std::vector<SyntheticPrompt> m_prompts;
    PromptPool m_pool;
};

class RecordedTruth : public Truth {
public:
    RecordedTruth(std::vector<PromptId> ids, std::vector<std::vector<double>> rates)
        : m_pool(std::move(ids))
        , m_rates(std::move(rates))
    {
    }
    std::int64_t steps() const override { return std::ssize(m_rates); }
    const PromptPool& pool() const override { return m_pool; }
    void ratesAt(std::int64_t step, std::span<double> out) const override
    {
        const std::vector<double>& rates = m_rates[static_cast<std::size_t>(step)];
        std::copy(rates.begin(), rates.end(), out.begin());
    }

private:
    PromptPool m_pool;
    std::vector<std::vector<double>> m_rates; // by step, then by position
};

struct TruthLine {
    std::int64_t step = 0;
    PromptId prompt = 0;
    double rate = 0.0;
};

template <typename Value> bool parse(std::string_view text, Value& value)
{
    text = trim(text);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

TruthLine parseTruthLine(const std::string& text, const std::string& where)
{
    const std::vector<std::string> fields = split(text, ',');
    TruthLine line;
    if (fields.size() != 3 || !parse(fields[0], line.step) || !parse(fields[1], line.prompt)
        || !parse(fields[2], line.rate))
        throw Error(ErrorKind::Data, concat(where, ": expected 'step,prompt,success_rate', found '", text, "'"));
    if (line.step < 0 || !(line.rate >= 0.0 && line.rate <= 1.0))
        throw Error(ErrorKind::Data,
            concat(
                where, ": expected a step from 0 and a success rate in [0, 1], found ", line.step, " and ", line.rate));
    return line;
}

} // namespace

std::unique_ptr<Truth> truthFromMeasurements(
    std::span<const Measurement> measurements, std::int64_t fewest, double halfLife)
{
    std::map<PromptId, std::vector<Measurement>> byPrompt;
    std::int64_t steps = 0;
    for (const Measurement& measurement : measurements) {
        if (measurement.attempts <= 0)
            continue;
        byPrompt[measurement.prompt].push_back(measurement);
        steps = std::max(steps, measurement.step + 1);
    }
    std::erase_if(byPrompt, [&](const auto& prompt) { return std::ssize(prompt.second) < fewest; });
    if (byPrompt.empty())
        throw Error(ErrorKind::Data,
            concat("expected a run that measured some prompts at least ", fewest,
                " times, found none; such a run has selection.belief = \"oracle\" with oracle_prompts = 0, or a small pool"));
    std::vector<PromptId> ids;
    for (const auto& [id, list] : byPrompt)
        ids.push_back(id);
    std::vector<std::vector<double>> rates(static_cast<std::size_t>(steps));
    for (std::int64_t step = 0; step < steps; ++step)
        for (const auto& [id, list] : byPrompt) {
            double successes = 0.0;
            double attempts = 0.0;
            for (const Measurement& one : list) {
                const double weight = std::exp2(-std::abs(static_cast<double>(one.step - step)) / halfLife);
                successes += weight * static_cast<double>(one.successes);
                attempts += weight * static_cast<double>(one.attempts);
            }
            rates[static_cast<std::size_t>(step)].push_back(successes / attempts);
        }
    return std::make_unique<RecordedTruth>(std::move(ids), std::move(rates));
}

World worldFromName(std::string_view name)
{
    if (name == "item-response")
        return World::ItemResponse;
    if (name == "clusters")
        return World::Clusters;
    if (name == "forgetting")
        return World::Forgetting;
    if (name == "jumps")
        return World::Jumps;
    throw Error(
        ErrorKind::Usage, concat("--world: expected item-response, clusters, forgetting or jumps, found '", name, "'"));
}

SyntheticWorld makeWorld(const WorldOptions& options)
{
    constexpr double kClusterDistance = 1.5; // along one direction per cluster, in deviations
    Rng directions = rngOf(options.seed, 0);
    std::vector<double> direction(static_cast<std::size_t>(options.dimension));
    for (double& value : direction)
        value = directions.normal();

    SyntheticWorld world;
    world.embeddings.reserve(static_cast<std::size_t>(options.prompts * options.dimension));
    std::vector<SyntheticPrompt> prompts;
    std::vector<double> known; // what the embedding tells about the difficulty
    std::vector<double> unknown; // and what it does not
    for (std::int64_t i = 0; i < options.prompts; ++i) {
        Rng rng = rngOf(options.seed, i + 1);
        SyntheticPrompt prompt;
        prompt.cluster = rng.below(kClusters);
        prompt.jumpAt = rng.uniform();
        prompts.push_back(prompt);
        known.push_back(0.0);
        for (std::int64_t j = 0; j < options.dimension; ++j) {
            const double value = rng.normal() + (j == prompt.cluster ? kClusterDistance : 0.0);
            known.back() += value * direction[static_cast<std::size_t>(j)];
            world.embeddings.push_back(static_cast<float>(value));
        }
        unknown.push_back(rng.normal());
    }
    const double centre = *statistics::mean(known);
    const double spread = statistics::deviation(known).value_or(1.0);
    for (std::size_t i = 0; i < prompts.size(); ++i)
        prompts[i].difficulty = options.meanDifficulty
            + options.difficultyDeviation
                * (std::sqrt(options.information) * (known[i] - centre) / spread
                    + std::sqrt(1.0 - options.information) * unknown[i]);
    world.truth = std::make_unique<SyntheticTruth>(options, std::move(prompts));
    return world;
}

std::unique_ptr<Truth> readTruth(const std::filesystem::path& path)
{
    const std::vector<std::string> lines = split(readFile(path), '\n');
    if (lines.empty() || trim(lines.front()) != "step,prompt,success_rate")
        throw Error(ErrorKind::Data,
            concat(path.string(), ":1: expected the header 'step,prompt,success_rate', found '",
                lines.empty() ? "" : lines.front(), "'"));
    std::map<std::int64_t, std::map<PromptId, double>> bySteps;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        if (trim(lines[i]).empty())
            continue;
        const TruthLine line = parseTruthLine(lines[i], concat(path.string(), ":", i + 1));
        if (!bySteps[line.step].emplace(line.prompt, line.rate).second)
            throw Error(ErrorKind::Data,
                concat(path.string(), ":", i + 1, ": prompt ", line.prompt, " stands twice in step ", line.step));
    }
    if (bySteps.empty())
        throw Error(
            ErrorKind::Data, concat(path.string(), ": expected at least one line after the header, found none"));

    std::map<PromptId, double> current = bySteps.begin()->second;
    std::vector<PromptId> ids;
    for (const auto& [id, rate] : current)
        ids.push_back(id);
    std::vector<std::vector<double>> rates;
    for (std::int64_t step = 0; step <= bySteps.rbegin()->first; ++step) {
        if (const auto now = bySteps.find(step); now != bySteps.end())
            for (const auto& [id, rate] : now->second) {
                const auto place = current.find(id);
                if (place == current.end())
                    throw Error(ErrorKind::Data,
                        concat(path.string(), ": prompt ", id, " appears in step ", step,
                            " but not in the first step, ", bySteps.begin()->first));
                place->second = rate;
            }
        rates.emplace_back();
        for (const auto& [id, rate] : current)
            rates.back().push_back(rate);
    }
    return std::make_unique<RecordedTruth>(std::move(ids), std::move(rates));
}

} // namespace midpoint::difficulty
