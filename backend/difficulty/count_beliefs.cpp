#include "backend/difficulty/beliefs.h"

#include "backend/core/bytes.h"

#include <algorithm>
#include <cmath>

namespace midpoint::difficulty {
namespace {

std::size_t at(std::int64_t index)
{
    return static_cast<std::size_t>(index);
}

// Entries of the ledger about prompts of the pool that were not looked at before.
template <typename Visit> void visitNew(const Ledger& ledger, const PromptPool& pool, std::int64_t& seen, Visit visit)
{
    const auto entries = ledger.entries();
    MIDPOINT_ASSERT(seen <= std::ssize(entries), "a belief learns from one ledger, which only grows");
    for (; seen < std::ssize(entries); ++seen) {
        const LedgerEntry& entry = entries[at(seen)];
        const auto index = pool.indexOf(entry.prompt);
        if (index && entry.attempts > 0 && entry.purpose != Purpose::Evaluate)
            visit(*index, entry);
    }
}

void expectSize(std::size_t found, const PromptPool& pool, const char* name)
{
    if (static_cast<std::int64_t>(found) != pool.size())
        throw Error(ErrorKind::Checkpoint,
            concat("belief '", name, "': saved for ", found, " prompts, the pool has ", pool.size()));
}

class PosteriorBelief : public Belief {
public:
    PosteriorBelief(const PosteriorOptions& options, const PromptPool& pool)
        : m_options(options)
        , m_pool(&pool)
        , m_successes(at(pool.size()), options.priorSuccesses)
        , m_failures(at(pool.size()), options.priorFailures)
    {
    }
    const char* name() const override { return "posterior"; }
    void learn(const Ledger& ledger, std::int64_t) override
    {
        visitNew(ledger, *m_pool, m_seen, [&](std::int64_t index, const LedgerEntry& entry) {
            const auto update = [&](double& value, double prior, std::int32_t count) {
                value = m_options.discount * value + (1.0 - m_options.discount) * prior + static_cast<double>(count);
            };
            update(m_successes[at(index)], m_options.priorSuccesses, entry.successes);
            update(m_failures[at(index)], m_options.priorFailures, entry.attempts - entry.successes);
        });
    }
    Estimates estimate(std::int64_t) const override
    {
        Estimates result;
        for (std::size_t i = 0; i < m_successes.size(); ++i) {
            const double total = m_successes[i] + m_failures[i];
            const double mean = m_successes[i] / total;
            result.mean.push_back(mean);
            result.deviation.push_back(std::sqrt(mean * (1.0 - mean) / (total + 1.0)));
            result.signal.push_back(mean * (1.0 - mean) * total / (total + 1.0)); // E[p (1 - p)] of a beta distribution
        }
        return result;
    }
    std::string saveState() const override
    {
        ByteWriter out;
        out.putText("posterior belief 1");
        out.put(m_seen);
        out.putVector(m_successes);
        out.putVector(m_failures);
        return out.take();
    }
    void restoreState(std::string_view bytes) override
    {
        ByteReader in(bytes, "posterior belief");
        in.expectTag("posterior belief 1");
        const auto seen = in.get<std::int64_t>();
        auto successes = in.getVector<double>();
        auto failures = in.getVector<double>();
        in.expectEnd();
        expectSize(successes.size(), *m_pool, name());
        expectSize(failures.size(), *m_pool, name());
        m_seen = seen;
        m_successes = std::move(successes);
        m_failures = std::move(failures);
    }

private:
    PosteriorOptions m_options;
    const PromptPool* m_pool;
    std::int64_t m_seen = 0;
    std::vector<double> m_successes;
    std::vector<double> m_failures;
};

// The last group of each prompt; with importance weights this is SNIS, without it is "last seen".
class LastGroupBelief : public Belief {
public:
    LastGroupBelief(std::optional<SnisOptions> importance, const PromptPool& pool)
        : m_importance(importance)
        , m_pool(&pool)
        , m_rate(at(pool.size()), 0.5)
        , m_samples(at(pool.size()), 0.0)
        , m_birthStep(at(pool.size()), -1)
    {
    }
    const char* name() const override { return m_importance ? "snis" : "last_seen"; }
    void learn(const Ledger& ledger, std::int64_t) override
    {
        visitNew(ledger, *m_pool, m_seen, [&](std::int64_t index, const LedgerEntry& entry) {
            m_rate[at(index)] = entry.successRate();
            m_samples[at(index)] = static_cast<double>(entry.attempts);
            m_birthStep[at(index)] = entry.step;
        });
    }
    void learnFromReplayed(std::span<const ReplayedEvidence> evidence, std::int64_t) override
    {
        if (!m_importance)
            return;
        for (const ReplayedEvidence& group : evidence) {
            const auto index = m_pool->indexOf(group.prompt);
            if (!index || m_birthStep[at(*index)] != group.birthStep) // a newer group says more
                continue;
            if (const auto corrected = importanceEstimate(group, *m_importance)) {
                m_rate[at(*index)] = corrected->successRate;
                m_samples[at(*index)] = corrected->effectiveSamples;
            }
        }
    }
    Estimates estimate(std::int64_t) const override
    {
        Estimates result;
        result.mean = m_rate;
        for (std::size_t i = 0; i < m_rate.size(); ++i) {
            const double n = m_samples[i];
            // The width of a beta distribution with a flat prior: 0 or n of n does not mean certainty.
            const double a = 1.0 + n * m_rate[i];
            const double b = 1.0 + n * (1.0 - m_rate[i]);
            result.deviation.push_back(std::sqrt(a * b / ((a + b) * (a + b) * (a + b + 1.0))));
            const double signal
                = n > 1.0 ? m_rate[i] * (1.0 - m_rate[i]) * n / (n - 1.0) : a * b / ((a + b) * (a + b + 1.0));
            result.signal.push_back(std::min(signal, 0.25));
        }
        return result;
    }
    std::string saveState() const override
    {
        ByteWriter out;
        out.putText(concat(name(), " belief 1"));
        out.put(m_seen);
        out.putVector(m_rate);
        out.putVector(m_samples);
        out.putVector(m_birthStep);
        return out.take();
    }
    void restoreState(std::string_view bytes) override
    {
        ByteReader in(bytes, concat(name(), " belief"));
        in.expectTag(concat(name(), " belief 1"));
        const auto seen = in.get<std::int64_t>();
        auto rate = in.getVector<double>();
        auto samples = in.getVector<double>();
        auto birthStep = in.getVector<std::int64_t>();
        in.expectEnd();
        expectSize(rate.size(), *m_pool, name());
        expectSize(samples.size(), *m_pool, name());
        expectSize(birthStep.size(), *m_pool, name());
        m_seen = seen;
        m_rate = std::move(rate);
        m_samples = std::move(samples);
        m_birthStep = std::move(birthStep);
    }

private:
    std::optional<SnisOptions> m_importance;
    const PromptPool* m_pool;
    std::int64_t m_seen = 0;
    std::vector<double> m_rate;
    std::vector<double> m_samples; // effective; 0: never measured
    std::vector<std::int64_t> m_birthStep;
};

class OracleBelief : public Belief {
public:
    explicit OracleBelief(const PromptPool& pool)
        : m_pool(&pool)
    {
        clear();
    }
    const char* name() const override { return "oracle"; }
    void learn(const Ledger& ledger, std::int64_t step) override
    {
        clear();
        visitNew(ledger, *m_pool, m_seen, [&](std::int64_t index, const LedgerEntry& entry) {
            if (entry.purpose != Purpose::Oracle || entry.step != step)
                return;
            m_successes[at(index)] += static_cast<double>(entry.successes);
            m_attempts[at(index)] += static_cast<double>(entry.attempts);
        });
    }
    Estimates estimate(std::int64_t) const override
    {
        Estimates result;
        for (std::size_t i = 0; i < m_attempts.size(); ++i) {
            const double n = m_attempts[i];
            const double rate = n > 0.0 ? m_successes[i] / n : 0.0;
            const double variance = rate * (1.0 - rate);
            result.mean.push_back(rate);
            result.deviation.push_back(n > 0.0 ? std::sqrt(variance / n) : 0.0);
            result.signal.push_back(n > 1.0 ? std::min(variance * n / (n - 1.0), 0.25) : variance);
        }
        return result;
    }
    std::string saveState() const override
    {
        ByteWriter out;
        out.putText("oracle belief 1");
        out.put(m_seen);
        out.putVector(m_successes);
        out.putVector(m_attempts);
        return out.take();
    }
    void restoreState(std::string_view bytes) override
    {
        ByteReader in(bytes, "oracle belief");
        in.expectTag("oracle belief 1");
        const auto seen = in.get<std::int64_t>();
        auto successes = in.getVector<double>();
        auto attempts = in.getVector<double>();
        in.expectEnd();
        expectSize(successes.size(), *m_pool, name());
        expectSize(attempts.size(), *m_pool, name());
        m_seen = seen;
        m_successes = std::move(successes);
        m_attempts = std::move(attempts);
    }

private:
    void clear()
    {
        m_successes.assign(at(m_pool->size()), 0.0);
        m_attempts.assign(at(m_pool->size()), 0.0);
    }

    const PromptPool* m_pool;
    std::int64_t m_seen = 0;
    std::vector<double> m_successes; // of this round
    std::vector<double> m_attempts;
};

} // namespace

std::unique_ptr<Belief> makeOracleBelief(const PromptPool& pool)
{
    return std::make_unique<OracleBelief>(pool);
}

std::unique_ptr<Belief> makePosteriorBelief(const PosteriorOptions& options, const PromptPool& pool)
{
    return std::make_unique<PosteriorBelief>(options, pool);
}

std::unique_ptr<Belief> makeLastSeenBelief(const PromptPool& pool)
{
    return std::make_unique<LastGroupBelief>(std::nullopt, pool);
}

std::unique_ptr<Belief> makeSnisBelief(const SnisOptions& options, const PromptPool& pool)
{
    return std::make_unique<LastGroupBelief>(options, pool);
}

std::optional<ImportanceEstimate> importanceEstimate(const ReplayedEvidence& evidence, const SnisOptions& options)
{
    MIDPOINT_ASSERT(evidence.success.size() == evidence.logWeight.size(), "one weight for each rollout");
    double total = 0.0;
    double squares = 0.0;
    double successes = 0.0;
    for (std::size_t i = 0; i < evidence.success.size(); ++i) {
        if (!std::isfinite(evidence.logWeight[i]))
            return std::nullopt;
        const double weight = std::exp(std::clamp(evidence.logWeight[i], -options.weightLimit, options.weightLimit));
        total += weight;
        squares += weight * weight;
        successes += evidence.success[i] != 0 ? weight : 0.0;
    }
    if (total <= 0.0 || total * total / squares < options.fewestEffectiveSamples)
        return std::nullopt;
    return ImportanceEstimate { successes / total, total * total / squares };
}

} // namespace midpoint::difficulty
