#include "backend/reward/reward_composer.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

namespace midpoint::reward {

RewardComposer::RewardComposer(const config::RewardSection& settings, std::int64_t maxResponseTokens)
    : m_overlongPenalty(settings.overlongPenalty)
    , m_overlongBufferTokens(settings.overlongBufferTokens)
    , m_formatWeight(settings.formatWeight)
    , m_maxResponseTokens(maxResponseTokens)
{
    if (m_overlongPenalty != 0.0 && (m_overlongBufferTokens < 1 || m_overlongBufferTokens > maxResponseTokens))
        throw Error(ErrorKind::Config,
            concat("reward.overlong_buffer_tokens: expected 1 to ", maxResponseTokens,
                " (the longest response) because reward.overlong_penalty is set, found ", m_overlongBufferTokens));
}

double RewardComposer::overlongTerm(std::int64_t tokens) const
{
    const std::int64_t rampStart = m_maxResponseTokens - m_overlongBufferTokens;
    if (tokens <= rampStart)
        return 0.0;
    if (tokens >= m_maxResponseTokens)
        return -1.0;
    return static_cast<double>(rampStart - tokens) / static_cast<double>(m_overlongBufferTokens);
}

void RewardComposer::apply(const Grade& grade, Rollout& rollout) const
{
    rollout.verdict = grade.verdict;
    rollout.extracted = grade.extracted;
    rollout.rule = grade.rule;
    const double success = grade.verdict == Verdict::Correct ? 1.0 : 0.0;
    rollout.reward = success;
    rollout.rewardParts.clear();
    if (m_overlongPenalty == 0.0 && m_formatWeight == 0.0)
        return;
    rollout.rewardParts.emplace_back("success", success);
    if (m_overlongPenalty != 0.0)
        rollout.rewardParts.emplace_back("overlong",
            m_overlongPenalty * overlongTerm(static_cast<std::int64_t>(rollout.tokens.size())));
    if (m_formatWeight != 0.0)
        rollout.rewardParts.emplace_back("format", grade.isWellFormed ? m_formatWeight : 0.0);
    rollout.reward = 0.0;
    for (const auto& [name, value] : rollout.rewardParts)
        rollout.reward += value;
}

} // namespace midpoint::reward
