#include "backend/policy/policy_loss.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <cmath>

namespace midpoint::policy {
namespace {

double at(std::span<const double> values, std::size_t i, double otherwise) { return values.empty() ? otherwise : values[i]; }

// k3 of Schulman's "Approximating KL divergence": exp(d) - d - 1 with d = log q - log p, an unbiased estimate of KL(p || q).
double k3(double difference) { return std::expm1(difference) - difference; }

// min(ratio A, clip(ratio) A): the value and whether its gradient flows.
struct Surrogate {
    double value = 0.0;
    bool isClipped = false;
};

Surrogate surrogate(const LossSettings& settings, double ratio, double advantage)
{
    const double clipped = std::clamp(ratio, 1.0 - settings.clipLow, 1.0 + settings.clipHigh);
    const double free = ratio * advantage;
    const double bound = clipped * advantage;
    return bound < free ? Surrogate { bound, true } : Surrogate { free, false };
}

// The share of one token's loss in the loss of the mini-batch.
double tokenShare(const LossSettings& settings, const LossNormaliser& normaliser, double rowTokens)
{
    switch (settings.aggregation) {
    case Aggregation::TokenMean:
        return 1.0 / normaliser.tokens;
    case Aggregation::SequenceMeanTokenMean:
        return 1.0 / (rowTokens * normaliser.sequences);
    case Aggregation::SequenceMeanTokenSumNorm:
        return 1.0 / (settings.horizon * normaliser.sequences);
    }
    return 0.0;
}

// One row at a time: adds its loss, gradients and statistics to the result.
class RowLoss {
public:
    RowLoss(const LossSettings& settings, const LossNormaliser& normaliser, const LossRow& row, LossResult& result)
        : m_settings(settings)
        , m_normaliser(normaliser)
        , m_row(row)
        , m_result(result)
        , m_gradient(row.logprobs.size(), 0.0)
        , m_gradEntropy(settings.entropyCoefficient != 0.0 ? row.logprobs.size() : 0, 0.0)
    {
        for (std::size_t i = 0; i < row.logprobs.size(); ++i)
            m_rowTokens += at(row.weights, i, 1.0);
    }

    void run()
    {
        if (m_rowTokens > 0.0) {
            m_share = tokenShare(m_settings, m_normaliser, m_rowTokens);
            if (m_settings.kind == LossKind::Gspo)
                addSequenceLoss();
            for (std::size_t i = 0; i < m_row.logprobs.size(); ++i)
                if (at(m_row.weights, i, 1.0) != 0.0)
                    addToken(i, m_share * at(m_row.weights, i, 1.0));
        }
        m_result.gradLogprobs.push_back(std::move(m_gradient));
        if (m_settings.entropyCoefficient != 0.0)
            m_result.gradEntropy.push_back(std::move(m_gradEntropy));
    }

private:
    double old(std::size_t i) const { return at(m_row.old, i, m_row.behaviour[i]); }

    void addToken(std::size_t i, double share)
    {
        if (m_settings.kind != LossKind::Gspo)
            addTokenLoss(i, share);
        if (!m_row.reference.empty()) {
            const double difference = m_row.reference[i] - m_row.logprobs[i];
            m_result.statistics.kl += k3(difference);
            m_result.loss += m_settings.klCoefficient * share * k3(difference);
            m_gradient[i] -= m_settings.klCoefficient * share * std::expm1(difference);
        }
        if (!m_row.entropy.empty())
            m_result.statistics.entropy += m_row.entropy[i];
        if (m_settings.entropyCoefficient != 0.0) {
            m_result.loss -= m_settings.entropyCoefficient * share * m_row.entropy[i];
            m_gradEntropy[i] = -m_settings.entropyCoefficient * share;
        }
        countToken(i);
    }

    // decoupled: -w min(rho A, clip(rho) A) with w = pi_old / pi_behaviour, rho = pi_theta / pi_old (Hilton et al. 2022).
    // behaviour_ratio: the same with pi_behaviour in place of pi_old, and so w = 1.
    void addTokenLoss(std::size_t i, double share)
    {
        const bool isDecoupled = m_settings.kind == LossKind::Decoupled;
        const double weight = isDecoupled ? tokenWeight(i) : 1.0;
        const double ratio = std::exp(m_row.logprobs[i] - (isDecoupled ? old(i) : m_row.behaviour[i]));
        const Surrogate part = surrogate(m_settings, ratio, m_row.advantage);
        m_result.loss -= share * weight * part.value;
        if (!part.isClipped)
            m_gradient[i] -= share * weight * part.value; // d ratio / d logprob = ratio
        countClipped(part.isClipped, 1.0);
    }

    // GSPO (Zheng et al. 2025): the ratio of a sequence is exp(mean log-ratio of its tokens to pi_old), one clip for all of
    // them, mean over sequences. As published it does not weight rows of older policies.
    void addSequenceLoss()
    {
        double logRatio = 0.0;
        for (std::size_t i = 0; i < m_row.logprobs.size(); ++i)
            logRatio += at(m_row.weights, i, 1.0) * (m_row.logprobs[i] - old(i)) / m_rowTokens;
        const Surrogate part = surrogate(m_settings, std::exp(logRatio), m_row.advantage);
        m_result.loss -= part.value / m_normaliser.sequences;
        if (!part.isClipped)
            for (std::size_t i = 0; i < m_row.logprobs.size(); ++i)
                m_gradient[i] -= part.value * at(m_row.weights, i, 1.0) / (m_rowTokens * m_normaliser.sequences);
        countClipped(part.isClipped, m_rowTokens);
    }

    double tokenWeight(std::size_t i) const
    {
        const double weight = std::exp(old(i) - m_row.behaviour[i]);
        return m_settings.weightCap > 0.0 ? std::min(weight, m_settings.weightCap) : weight;
    }

    void countClipped(bool isClipped, double tokens)
    {
        if (!isClipped)
            return;
        m_result.statistics.clippedTokens += tokens;
        if (m_row.isReplayed)
            m_result.statistics.clippedReplayedTokens += tokens;
    }

    void countToken(std::size_t i)
    {
        LossStatistics& statistics = m_result.statistics;
        const double ratio = std::exp(m_row.logprobs[i] - old(i));
        statistics.tokens += 1.0;
        statistics.ratio += ratio;
        statistics.maxRatio = std::max(statistics.maxRatio, ratio);
        statistics.klToBehaviour += k3(m_row.behaviour[i] - m_row.logprobs[i]);
        if (!m_row.isReplayed)
            return;
        const double weight = tokenWeight(i);
        statistics.replayedTokens += 1.0;
        statistics.weight += weight;
        statistics.weightSquare += weight * weight;
        statistics.maxWeight = std::max(statistics.maxWeight, weight);
    }

    const LossSettings& m_settings;
    const LossNormaliser& m_normaliser;
    const LossRow& m_row;
    LossResult& m_result;
    std::vector<double> m_gradient;
    std::vector<double> m_gradEntropy;
    double m_rowTokens = 0.0;
    double m_share = 0.0;
};

} // namespace

LossKind parseLoss(const std::string& name)
{
    if (name == "decoupled")
        return LossKind::Decoupled;
    if (name == "behaviour_ratio")
        return LossKind::BehaviourRatio;
    if (name == "gspo")
        return LossKind::Gspo;
    throw Error(ErrorKind::Config, concat("policy.loss: expected decoupled, behaviour_ratio or gspo, found '", name, "'"));
}

Aggregation parseAggregation(const std::string& name)
{
    if (name == "token-mean")
        return Aggregation::TokenMean;
    if (name == "seq-mean-token-mean")
        return Aggregation::SequenceMeanTokenMean;
    if (name == "seq-mean-token-sum-norm")
        return Aggregation::SequenceMeanTokenSumNorm;
    throw Error(ErrorKind::Config, concat("policy.aggregation: expected token-mean, seq-mean-token-mean or "
        "seq-mean-token-sum-norm, found '", name, "'"));
}

void LossStatistics::add(const LossStatistics& other)
{
    tokens += other.tokens;
    replayedTokens += other.replayedTokens;
    clippedTokens += other.clippedTokens;
    clippedReplayedTokens += other.clippedReplayedTokens;
    kl += other.kl;
    klToBehaviour += other.klToBehaviour;
    entropy += other.entropy;
    ratio += other.ratio;
    maxRatio = std::max(maxRatio, other.maxRatio);
    weight += other.weight;
    weightSquare += other.weightSquare;
    maxWeight = std::max(maxWeight, other.maxWeight);
}

double LossStatistics::effectiveSampleShare() const
{
    return replayedTokens > 0.0 && weightSquare > 0.0 ? weight * weight / (replayedTokens * weightSquare) : 1.0;
}

LossResult policyLoss(const LossSettings& settings, std::span<const LossRow> rows, const LossNormaliser& normaliser)
{
    LossResult result;
    for (const LossRow& row : rows) {
        MIDPOINT_ASSERT(row.behaviour.size() == row.logprobs.size(), "every token has a behaviour log-prob");
        MIDPOINT_ASSERT(settings.entropyCoefficient == 0.0 || row.entropy.size() == row.logprobs.size(),
            "an entropy bonus needs the entropy of every token");
        RowLoss(settings, normaliser, row, result).run();
    }
    return result;
}

} // namespace midpoint::policy
