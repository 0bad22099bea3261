#include "backend/core/bytes.h"
#include "backend/difficulty/beliefs.h"
#include "backend/difficulty/length_estimate.h"
#include "backend/difficulty/logistic.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace midpoint::difficulty {
namespace {

constexpr const char* kTag = "midpoint belief 3";
constexpr double kRateEdge = 0.01; // the prior never claims more certainty than this
constexpr double kUnknownMean = 0.5; // before anything is measured: a flat distribution
constexpr double kUnknownStrength = 2.0;
constexpr double kWeakestPrior = 0.5; // prior strength in pseudo-rollouts
constexpr double kStrongestPrior = 50.0;
constexpr double kStrengthDecay = 0.95; // of what the prior strength is estimated from, per round
constexpr double kDriftSteps = 10.0; // unit of time of the drift
constexpr std::int64_t kFewestGroups = 8; // for a first fit of the heads

std::size_t at(std::int64_t index)
{
    return static_cast<std::size_t>(index);
}

double logit(double p)
{
    return std::log(p / (1.0 - p));
}
double sigmoid(double x)
{
    return 1.0 / (1.0 + std::exp(-x));
}

// Log-odds of the chance 2 p (1 - p) that two rollouts differ.
double differLogit(double rate)
{
    return logit(2.0 * rate * (1.0 - rate));
}

struct Counts {
    double successes = 0.0;
    double failures = 0.0;
    double total() const { return successes + failures; }
};

// What a prompt's own rollouts say, as counts worth what they are worth at `step`. The newest group stands apart, so
// that importance weights can replace it.
struct PromptCounts {
    Counts older;
    Counts newest;
    std::int64_t newestBirth = -1;
    std::int64_t step = 0; // the present step of both
};

class MidpointBelief : public Belief {
public:
    MidpointBelief(const MidpointOptions& options, const PromptPool& pool, const EmbeddingRows& embeddings,
        std::unique_ptr<Belief> prior)
        : m_options(options)
        , m_pool(&pool)
        , m_prior(std::move(prior))
        , m_features(options.useEmbeddings && embeddings.dimension > 0
                  ? Features(embeddings, pool.size(), options.featureLength)
                  : Features())
        , m_counts(at(pool.size()))
        , m_length(pool.size(), options.longestResponse, options.countDecay)
    {
    }
    const char* name() const override { return "midpoint"; }
    void learn(const Ledger& ledger, std::int64_t step) override;
    void learnFromReplayed(std::span<const ReplayedEvidence> evidence, std::int64_t step) override;
    Estimates estimate(std::int64_t step) const override;
    std::string saveState() const override;
    void restoreState(std::string_view bytes) override;

private:
    struct History {
        std::vector<std::int64_t> rows;
        std::vector<double> times;
        std::vector<double> trials;
        std::vector<double> rates;
        std::vector<double> differing;
        std::vector<double> lengths; // as shares
    };

    History recentGroups(const Ledger& ledger, std::int64_t step) const;
    void askPrior(const Ledger& ledger, std::int64_t step);
    void fitHeads(const Ledger& ledger, std::int64_t step);
    void judgePrior(std::int64_t index, const LedgerEntry& entry);
    void addCounts(std::int64_t index, const LedgerEntry& entry);
    void bringTo(PromptCounts& counts, std::int64_t step) const;

    double priorMean(std::int64_t index, double headLogit, double time = 0.0) const;
    double priorSignal(double headLogit, double rate) const;
    double priorStrength() const;

    MidpointOptions m_options;
    const PromptPool* m_pool;
    std::unique_ptr<Belief> m_prior; // may be null
    std::vector<double> m_priorLogits; // what it says at present; empty without one
    Features m_features;

    std::int64_t m_seen = 0; // entries of the ledger
    std::vector<PromptCounts> m_counts;
    LengthEstimate m_length;
    bool m_isFitted = false;
    LogisticHead m_rateHead; // log-odds of the success rate
    LogisticHead m_signalHead; // added to the log-odds of 2 p (1 - p), the chance that two rollouts differ
    double m_priorError = 0.0; // decayed sums over measured prompts: (prior - rate)^2 without the measurement's noise,
    double m_priorVariance = 0.0; // and prior (1 - prior)
};

void MidpointBelief::bringTo(PromptCounts& counts, std::int64_t step) const
{
    const double decay
        = std::pow(m_options.countDecay, static_cast<double>(std::max<std::int64_t>(step - counts.step, 0)));
    for (Counts* part : { &counts.older, &counts.newest }) {
        part->successes *= decay;
        part->failures *= decay;
    }
    counts.step = std::max(step, counts.step);
}

double MidpointBelief::priorMean(std::int64_t index, double headLogit, double time) const
{
    if (!m_isFitted)
        return kUnknownMean;
    const double known = m_priorLogits.empty() ? 0.0 : m_priorLogits[at(index)];
    return std::clamp(sigmoid(known + headLogit + m_rateHead.trend * time), kRateEdge, 1.0 - kRateEdge);
}

double MidpointBelief::priorSignal(double headLogit, double rate) const
{
    return 0.5 * sigmoid(differLogit(rate) + headLogit);
}

// A beta distribution with mean m and strength k has variance m (1 - m) / (k + 1): k is what explains how far the prior
// was off.
double MidpointBelief::priorStrength() const
{
    if (!m_isFitted || m_priorVariance <= 0.0)
        return kUnknownStrength;
    if (m_priorError <= m_priorVariance / (kStrongestPrior + 1.0))
        return kStrongestPrior;
    return std::clamp(m_priorVariance / m_priorError - 1.0, kWeakestPrior, kStrongestPrior);
}

void MidpointBelief::judgePrior(std::int64_t index, const LedgerEntry& entry)
{
    if (!m_isFitted || entry.attempts < 2)
        return;
    const double prior = priorMean(index, m_rateHead.logit(m_features, index));
    const double rate = entry.successRate();
    const double noise = rate * (1.0 - rate) / static_cast<double>(entry.attempts - 1);
    m_priorError += (prior - rate) * (prior - rate) - noise;
    m_priorVariance += prior * (1.0 - prior);
}

void MidpointBelief::addCounts(std::int64_t index, const LedgerEntry& entry)
{
    PromptCounts& counts = m_counts[at(index)];
    bringTo(counts, entry.step);
    counts.older.successes += counts.newest.successes;
    counts.older.failures += counts.newest.failures;
    counts.newest = { static_cast<double>(entry.successes), static_cast<double>(entry.attempts - entry.successes) };
    counts.newestBirth = entry.step;
}

void MidpointBelief::learn(const Ledger& ledger, std::int64_t step)
{
    const auto entries = ledger.entries();
    MIDPOINT_ASSERT(m_seen <= std::ssize(entries), "a belief learns from one ledger, which only grows");
    m_priorError *= kStrengthDecay;
    m_priorVariance *= kStrengthDecay;
    for (; m_seen < std::ssize(entries); ++m_seen) {
        const LedgerEntry& entry = entries[at(m_seen)];
        const auto index = m_pool->indexOf(entry.prompt);
        if (!index || entry.attempts == 0 || entry.purpose == Purpose::Evaluate)
            continue;
        judgePrior(*index, entry);
        addCounts(*index, entry);
        m_length.add(*index, entry);
    }
    askPrior(ledger, step);
    fitHeads(ledger, step);
}

void MidpointBelief::askPrior(const Ledger& ledger, std::int64_t step)
{
    if (!m_prior)
        return;
    m_prior->learn(ledger, step);
    Estimates estimates = m_prior->estimate(step);
    // The head is fitted to measurements: the prior must not have seen them, or it would seem to need no correction.
    for (const ReferencePrediction& reference : estimates.references)
        estimates.mean[at(reference.index)] = reference.predicted;
    m_priorLogits.clear();
    for (const double mean : estimates.mean)
        m_priorLogits.push_back(logit(std::clamp(mean, kRateEdge, 1.0 - kRateEdge)));
}

// The newest group of each prompt: a prompt is chosen again and again while it stays near one half, and counted each
// time it would bend the heads towards one half (and towards the past).
MidpointBelief::History MidpointBelief::recentGroups(const Ledger& ledger, std::int64_t step) const
{
    History history;
    std::vector<bool> isTaken(m_counts.size(), false);
    const auto entries = ledger.entries();
    for (auto entry = entries.rbegin(); entry != entries.rend() && std::ssize(history.rows) < m_options.historyGroups;
         ++entry) {
        const auto index = m_pool->indexOf(entry->prompt);
        if (!index || entry->attempts < 2 || entry->purpose == Purpose::Evaluate || isTaken[at(*index)])
            continue;
        isTaken[at(*index)] = true;
        const auto n = static_cast<double>(entry->attempts);
        const double rate = entry->successRate();
        const auto age = static_cast<double>(std::max<std::int64_t>(step - entry->step, 0));
        history.rows.push_back(*index);
        // By attempts, so that a group given up early, cut at equal outcomes, does not pull towards 0 and 1.
        history.trials.push_back(n * std::pow(m_options.historyDecay, age));
        history.times.push_back(-age / kDriftSteps);
        history.rates.push_back(rate);
        history.differing.push_back(2.0 * rate * (1.0 - rate) * n / (n - 1.0)); // of the pairs of rollouts
        history.lengths.push_back(m_length.share(*entry));
    }
    return history;
}

void MidpointBelief::fitHeads(const Ledger& ledger, std::int64_t step)
{
    History history = recentGroups(ledger, step);
    if (std::ssize(history.rows) < kFewestGroups)
        return;
    LogisticProblem problem { .features = &m_features,
        .rows = history.rows,
        .trials = history.trials,
        .targets = history.rates,
        .penalty = m_options.penalty };
    if (m_options.useDrift)
        problem.times = history.times;
    if (m_options.useLength) {
        problem.targets = history.lengths;
        m_length.fit(problem);
        problem.targets = history.rates;
    }
    std::vector<double> offsets;
    if (m_prior)
        for (const std::int64_t row : history.rows)
            offsets.push_back(m_priorLogits[at(row)]);
    problem.offsets = offsets;
    fitLogistic(problem, m_rateHead);
    m_isFitted = true;
    if (!m_options.useSignalHead)
        return;
    offsets.clear();
    for (std::size_t i = 0; i < history.rows.size(); ++i)
        offsets.push_back(differLogit(
            priorMean(history.rows[i], m_rateHead.logit(m_features, history.rows[i]), history.times[i])));
    for (double& trials : history.trials)
        trials *= 0.5; // n rollouts make n / 2 independent pairs
    problem.times = {}; // moves with the rate
    problem.targets = history.differing;
    problem.offsets = offsets;
    fitLogistic(problem, m_signalHead);
}

void MidpointBelief::learnFromReplayed(std::span<const ReplayedEvidence> evidence, std::int64_t step)
{
    if (!m_options.useImportance)
        return;
    for (const ReplayedEvidence& group : evidence) {
        const auto index = m_pool->indexOf(group.prompt);
        if (!index || m_counts[at(*index)].newestBirth != group.birthStep)
            continue;
        const auto corrected = importanceEstimate(group, SnisOptions {});
        if (!corrected)
            continue;
        // The corrected group speaks of the present policy: as many samples as are effective, as fresh as this step.
        PromptCounts& counts = m_counts[at(*index)];
        bringTo(counts, step);
        counts.newest = { corrected->effectiveSamples * corrected->successRate,
            corrected->effectiveSamples * (1.0 - corrected->successRate) };
    }
}

Estimates MidpointBelief::estimate(std::int64_t step) const
{
    const double strength = priorStrength();
    const bool hasSignalHead = m_options.useSignalHead && m_isFitted;
    const std::vector<double> rateLogits = m_rateHead.logits(m_features, m_pool->size());
    const std::vector<double> signalLogits
        = hasSignalHead ? m_signalHead.logits(m_features, m_pool->size()) : std::vector<double>();
    Estimates result;
    if (m_options.useLength && m_length.isFitted())
        result.tokens = m_length.tokens(m_features, step);
    for (std::int64_t index = 0; index < m_pool->size(); ++index) {
        const double prior = priorMean(index, rateLogits[at(index)]);
        PromptCounts counts = m_options.useCounts ? m_counts[at(index)] : PromptCounts {};
        bringTo(counts, step);
        const double total = strength + counts.older.total() + counts.newest.total();
        const double mean = (strength * prior + counts.older.successes + counts.newest.successes) / total;
        double signal = mean * (1.0 - mean) * total / (total + 1.0); // E[p (1 - p)] of the beta distribution
        // A good estimate of p can be a poor one of p (1 - p): what is not the prompt's own counts is estimated
        // directly.
        if (hasSignalHead)
            signal += strength / total * (priorSignal(signalLogits[at(index)], prior) - signal);
        result.mean.push_back(mean);
        result.deviation.push_back(std::sqrt(mean * (1.0 - mean) / (total + 1.0)));
        result.signal.push_back(std::min(signal, 0.25));
    }
    return result;
}

std::string MidpointBelief::saveState() const
{
    ByteWriter out;
    out.putText(kTag);
    out.put(m_pool->size());
    out.put(m_features.dimension());
    out.put(m_seen);
    for (const PromptCounts& counts : m_counts) {
        for (const double value :
            { counts.older.successes, counts.older.failures, counts.newest.successes, counts.newest.failures })
            out.put(value);
        out.put(counts.newestBirth);
        out.put(counts.step);
    }
    out.putText(m_prior ? m_prior->saveState() : "");
    out.putVector(m_priorLogits);
    out.put(static_cast<std::uint8_t>(m_isFitted));
    putHead(out, m_rateHead);
    putHead(out, m_signalHead);
    m_length.save(out);
    for (const double value : { m_priorError, m_priorVariance })
        out.put(value);
    return out.take();
}

void MidpointBelief::restoreState(std::string_view bytes)
{
    ByteReader in(bytes, "midpoint belief");
    in.expectTag(kTag);
    const auto size = in.get<std::int64_t>();
    const auto dimension = in.get<std::int64_t>();
    if (size != m_pool->size() || dimension != m_features.dimension())
        throw Error(ErrorKind::Checkpoint,
            concat("midpoint belief: saved for ", size, " prompts and ", dimension, " features, this run has ",
                m_pool->size(), " and ", m_features.dimension()));
    m_seen = in.get<std::int64_t>();
    for (PromptCounts& counts : m_counts) {
        for (double* value :
            { &counts.older.successes, &counts.older.failures, &counts.newest.successes, &counts.newest.failures })
            *value = in.get<double>();
        counts.newestBirth = in.get<std::int64_t>();
        counts.step = in.get<std::int64_t>();
    }
    const std::string priorState = in.getText();
    if (priorState.empty() != (m_prior == nullptr))
        throw Error(ErrorKind::Checkpoint,
            concat("midpoint belief: saved ", priorState.empty() ? "without" : "with",
                " a trained predictor as prior, this run has ", m_prior ? "one" : "none"));
    if (m_prior)
        m_prior->restoreState(priorState);
    m_priorLogits = in.getVector<double>();
    if (!m_priorLogits.empty() && std::ssize(m_priorLogits) != m_pool->size())
        throw Error(ErrorKind::Checkpoint,
            concat("midpoint belief: the saved state has a prior for ", m_priorLogits.size(), " prompts of ",
                m_pool->size()));
    m_isFitted = in.get<std::uint8_t>() != 0;
    m_rateHead = getHead(in);
    m_signalHead = getHead(in);
    m_length.restore(in);
    for (double* value : { &m_priorError, &m_priorVariance })
        *value = in.get<double>();
    in.expectEnd();
}

} // namespace

MidpointOptions midpointOptions(std::span<const std::string> parts)
{
    MidpointOptions options;
    const std::pair<const char*, bool*> known[] = { { "embeddings", &options.useEmbeddings },
        { "counts", &options.useCounts }, { "importance", &options.useImportance }, { "drift", &options.useDrift },
        { "signal", &options.useSignalHead }, { "length", &options.useLength } };
    for (const auto& part : known)
        *part.second = false;
    for (const std::string& name : parts) {
        const auto found = std::find_if(
            std::begin(known), std::end(known), [&](const auto& part) { return name == part.first; });
        if (found == std::end(known))
            throw Error(ErrorKind::Config,
                concat("selection.midpoint_parts: expected embeddings, counts, importance, drift, signal or length, found '",
                    name, "'"));
        *found->second = true;
    }
    return options;
}

std::unique_ptr<Belief> makeMidpointBelief(const MidpointOptions& options, const PromptPool& pool,
    const EmbeddingRows& embeddings, std::unique_ptr<Belief> prior)
{
    return std::make_unique<MidpointBelief>(options, pool, embeddings, std::move(prior));
}

std::unique_ptr<Belief> makeMidpointBelief(const MidpointOptions& options, const PromptPool& pool,
    std::span<const float> embeddings, std::int64_t dimension, std::unique_ptr<Belief> prior)
{
    if (std::ssize(embeddings) != pool.size() * dimension)
        throw Error(ErrorKind::Internal,
            concat("midpoint belief: ", embeddings.size(), " numbers for ", pool.size(), " embeddings of ", dimension));
    return makeMidpointBelief(options, pool, embeddingRows(embeddings, dimension), std::move(prior));
}

} // namespace midpoint::difficulty
