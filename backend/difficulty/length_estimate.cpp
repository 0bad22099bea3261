#include "backend/difficulty/length_estimate.h"

#include <algorithm>
#include <cmath>

namespace midpoint::difficulty {
namespace {

constexpr double kHeadResponses = 8.0; // what the head's answer weighs against the prompt's own responses
constexpr double kEdge = 1e-3; // shares stay off 0 and 1, where log-odds are infinite

std::size_t at(std::int64_t index)
{
    return static_cast<std::size_t>(index);
}

} // namespace

LengthEstimate::LengthEstimate(std::int64_t prompts, std::int64_t longestTokens, double decay)
    : m_longest(static_cast<double>(std::max<std::int64_t>(longestTokens, 1)))
    , m_decay(decay)
    , m_own(at(prompts))
{
}

double LengthEstimate::fading(const Own& own, std::int64_t step) const
{
    return std::pow(m_decay, static_cast<double>(std::max<std::int64_t>(step - own.step, 0)));
}

void LengthEstimate::add(std::int64_t index, const LedgerEntry& entry)
{
    Own& own = m_own[at(index)];
    const double decay = fading(own, entry.step);
    own.tokens = own.tokens * decay + static_cast<double>(entry.tokens);
    own.responses = own.responses * decay + static_cast<double>(entry.attempts + entry.ungraded);
    own.step = std::max(own.step, entry.step);
}

double LengthEstimate::share(const LedgerEntry& entry) const
{
    const auto responses = static_cast<double>(std::max(entry.attempts + entry.ungraded, 1));
    return std::clamp(static_cast<double>(entry.tokens) / responses / m_longest, kEdge, 1.0 - kEdge);
}

void LengthEstimate::fit(const LogisticProblem& problem)
{
    fitLogistic(problem, m_head);
    m_isFitted = true;
}

std::vector<double> LengthEstimate::tokens(const Features& features, std::int64_t step) const
{
    std::vector<double> result = m_head.logits(features, std::ssize(m_own));
    for (std::size_t i = 0; i < result.size(); ++i) {
        const double decay = fading(m_own[i], step);
        const double expected = m_longest / (1.0 + std::exp(-result[i]));
        result[i] = (kHeadResponses * expected + decay * m_own[i].tokens) / (kHeadResponses + decay * m_own[i].responses);
    }
    return result;
}

void LengthEstimate::save(ByteWriter& out) const
{
    out.put(static_cast<std::uint8_t>(m_isFitted));
    putHead(out, m_head);
    for (const Own& own : m_own) {
        out.put(own.tokens);
        out.put(own.responses);
        out.put(own.step);
    }
}

void LengthEstimate::restore(ByteReader& in)
{
    m_isFitted = in.get<std::uint8_t>() != 0;
    m_head = getHead(in);
    for (Own& own : m_own) {
        own.tokens = in.get<double>();
        own.responses = in.get<double>();
        own.step = in.get<std::int64_t>();
    }
}

} // namespace midpoint::difficulty
