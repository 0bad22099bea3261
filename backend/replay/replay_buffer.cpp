#include "backend/replay/replay_buffer.h"

#include "backend/core/bytes.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <unordered_set>

namespace midpoint::replay {
namespace {

constexpr const char* kTag = "replay buffer 1";

double meanReward(const Group& group)
{
    if (group.rollouts.empty())
        return 0.0;
    double total = 0.0;
    for (const Rollout& rollout : group.rollouts)
        total += rollout.reward;
    return total / static_cast<double>(group.rollouts.size());
}

double rewardVariance(const Group& group)
{
    const double centre = meanReward(group);
    double squares = 0.0;
    for (const Rollout& rollout : group.rollouts)
        squares += (rollout.reward - centre) * (rollout.reward - centre);
    return squares / static_cast<double>(group.rollouts.size());
}

double successRate(const Group& group)
{
    if (group.rollouts.empty())
        return 0.0;
    return static_cast<double>(group.successes()) / static_cast<double>(group.rollouts.size());
}

// What training again needs and no more: texts stay where they were recorded.
std::shared_ptr<const Group> withoutTexts(Group group)
{
    for (Rollout& rollout : group.rollouts) {
        rollout.text = {};
        rollout.extracted = {};
        rollout.rule = {};
        rollout.rewardParts = {};
    }
    return std::make_shared<const Group>(std::move(group));
}

std::vector<std::int64_t> rowsToTrain(const Group& group, bool positiveOnly)
{
    std::vector<std::int64_t> rows;
    const double centre = meanReward(group);
    for (std::size_t i = 0; i < group.rollouts.size(); ++i)
        if (!positiveOnly || group.rollouts[i].reward > centre)
            rows.push_back(static_cast<std::int64_t>(i));
    return rows;
}

void putGroup(ByteWriter& out, const Group& group)
{
    out.put(group.prompt);
    out.put(group.promptIndex);
    out.put(group.purpose);
    out.put(group.birthStep);
    out.putVector(group.promptTokens);
    out.put(static_cast<std::uint64_t>(group.rollouts.size()));
    for (const Rollout& rollout : group.rollouts) {
        out.putVector(rollout.tokens);
        out.putVector(rollout.logprobs);
        out.put(rollout.finish);
        out.put(rollout.verdict);
        out.put(rollout.reward);
    }
}

Group getGroup(ByteReader& in)
{
    Group group;
    group.prompt = in.get<PromptId>();
    group.promptIndex = in.get<std::int64_t>();
    group.purpose = in.get<Purpose>();
    group.birthStep = in.get<std::int64_t>();
    group.promptTokens = in.getVector<std::int32_t>();
    for (auto left = in.get<std::uint64_t>(); left > 0; --left) {
        Rollout rollout;
        rollout.tokens = in.getVector<std::int32_t>();
        rollout.logprobs = in.getVector<float>();
        rollout.finish = in.get<FinishReason>();
        rollout.verdict = in.get<Verdict>();
        rollout.reward = in.get<double>();
        group.rollouts.push_back(std::move(rollout));
    }
    return group;
}

std::size_t binOf(double value, double low, double high, std::size_t bins)
{
    if (!(high > low))
        return 0;
    const double scaled = (value - low) / (high - low) * static_cast<double>(bins);
    return std::min(static_cast<std::size_t>(std::max(scaled, 0.0)), bins - 1);
}

} // namespace

Rule ruleFromName(std::string_view name)
{
    if (name == "paper")
        return Rule::Paper;
    if (name == "released")
        return Rule::Released;
    throw Error(ErrorKind::Config, concat("replay.rule: expected paper or released, found '", name, "'"));
}

Priority priorityFromName(std::string_view name)
{
    if (name == "uniform")
        return Priority::Uniform;
    if (name == "signal")
        return Priority::Signal;
    throw Error(ErrorKind::Config, concat("replay.priority: expected uniform or signal, found '", name, "'"));
}

BufferOptions bufferOptions(const config::ReplaySection& section, std::int64_t freshGroupsPerStep)
{
    BufferOptions options;
    options.capacity = section.capacity;
    options.rule = ruleFromName(section.rule);
    options.maxAgeSteps = section.maxAgeSteps;
    options.positiveOnly = section.positiveOnly;
    options.priority = priorityFromName(section.priority);
    options.freshnessDecay = section.freshnessDecay;
    options.freshGroupsPerStep = freshGroupsPerStep;
    return options;
}

ReplayBuffer::ReplayBuffer(BufferOptions options)
    : m_options(options)
{
    if (m_options.capacity < 1)
        throw Error(
            ErrorKind::Config, concat("replay.capacity: expected at least 1 group, found ", m_options.capacity));
    if (m_options.maxAgeSteps < 0)
        throw Error(
            ErrorKind::Config, concat("replay.max_age_steps: expected 0 or more, found ", m_options.maxAgeSteps));
    if (!(m_options.freshnessDecay > 0.0 && m_options.freshnessDecay <= 1.0))
        throw Error(ErrorKind::Config,
            concat("replay.freshness_decay: expected more than 0 and at most 1, found ", m_options.freshnessDecay));
    if (m_options.rule == Rule::Released
        && (m_options.freshGroupsPerStep < 0 || m_options.freshGroupsPerStep > m_options.capacity))
        throw Error(ErrorKind::Config,
            concat("replay.capacity: the rule 'released' keeps room for the ", m_options.freshGroupsPerStep,
                " fresh groups of a step, found a capacity of ", m_options.capacity));
}

ReplaySample ReplayBuffer::sample(std::int64_t count, std::int64_t step, Rng& rng)
{
    ReplaySample result;
    result.asked = std::max<std::int64_t>(count, 0);
    dropOlderThanLimit(step);
    keepLastOfEachPrompt();
    std::erase_if(m_groups, [](const auto& group) { return !group->hasSignal(); });

    std::vector<std::size_t> candidates;
    for (std::size_t i = 0; i < m_groups.size(); ++i)
        if (m_groups[i]->birthStep < step)
            candidates.push_back(i);
    for (const std::size_t i : draw(std::move(candidates), result.asked, step, rng))
        result.groups.push_back(
            { m_groups[i], rowsToTrain(*m_groups[i], m_options.positiveOnly), step - m_groups[i]->birthStep });

    if (m_options.rule == Rule::Released)
        keepNewest(m_options.capacity - m_options.freshGroupsPerStep);
    return result;
}

// Weighted without replacement: the largest log weight + Gumbel noise, one draw for each candidate in the buffer's order.
std::vector<std::size_t> ReplayBuffer::draw(
    std::vector<std::size_t> candidates, std::int64_t count, std::int64_t step, Rng& rng) const
{
    const std::size_t taken = std::min(candidates.size(), static_cast<std::size_t>(count));
    if (m_options.priority == Priority::Uniform && m_options.freshnessDecay == 1.0) {
        shuffle(candidates, rng);
        candidates.resize(taken);
        return candidates;
    }
    std::vector<std::pair<double, std::size_t>> scored; // all have signal, so their variance is not 0
    for (const std::size_t i : candidates) {
        const auto age = static_cast<double>(step - m_groups[i]->birthStep);
        const double priority = m_options.priority == Priority::Signal ? std::log(rewardVariance(*m_groups[i])) : 0.0;
        scored.emplace_back(priority + age * std::log(m_options.freshnessDecay) + rng.gumbel(), i);
    }
    std::sort(scored.begin(), scored.end(), std::greater<>());
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < taken; ++i)
        chosen.push_back(scored[i].second);
    return chosen;
}

void ReplayBuffer::drop(std::span<const PromptId> prompts)
{
    std::erase_if(m_groups,
        [&](const auto& group) { return std::find(prompts.begin(), prompts.end(), group->prompt) != prompts.end(); });
}

void ReplayBuffer::append(std::vector<Group> fresh, std::int64_t step)
{
    if (step <= m_lastAppendStep)
        throw Error(ErrorKind::Internal,
            concat("replay buffer: the groups of step ", step, " were appended after those of step ", m_lastAppendStep,
                "; every step appends once"));
    m_lastAppendStep = step;
    for (Group& group : fresh)
        if (m_options.rule == Rule::Released || group.hasSignal())
            m_groups.push_back(withoutTexts(std::move(group)));
    dropOlderThanLimit(step);
    if (m_options.rule == Rule::Paper)
        keepLastOfEachPrompt(); // before the eviction: a repeated prompt must not push another one out
    keepNewest(m_options.capacity);
}

void ReplayBuffer::keepNewest(std::int64_t count)
{
    const std::int64_t surplus = size() - std::max<std::int64_t>(count, 0);
    if (surplus > 0)
        m_groups.erase(m_groups.begin(), m_groups.begin() + surplus);
}

void ReplayBuffer::keepLastOfEachPrompt()
{
    std::unordered_set<PromptId> seen;
    std::vector<std::shared_ptr<const Group>> kept;
    for (auto group = m_groups.rbegin(); group != m_groups.rend(); ++group)
        if (seen.insert((*group)->prompt).second)
            kept.push_back(std::move(*group));
    std::reverse(kept.begin(), kept.end());
    m_groups = std::move(kept);
}

void ReplayBuffer::dropOlderThanLimit(std::int64_t step)
{
    if (m_options.maxAgeSteps > 0)
        std::erase_if(m_groups, [&](const auto& group) { return step - group->birthStep > m_options.maxAgeSteps; });
}

Composition ReplayBuffer::composition(std::int64_t step) const
{
    constexpr std::size_t kAgeBins = 32;
    constexpr std::size_t kRateBins = 10;
    Composition result;
    result.groups = size();
    result.byAge.assign(kAgeBins, 0);
    result.bySuccessRate.assign(kRateBins, 0);
    result.byMeanReward.assign(kRateBins, 0);
    if (m_groups.empty())
        return result;
    std::vector<double> rewards;
    for (const auto& group : m_groups) {
        rewards.push_back(meanReward(*group));
        const std::int64_t age = std::max<std::int64_t>(step - group->birthStep, 0);
        const double rate = successRate(*group);
        ++result.byAge[std::min(static_cast<std::size_t>(age), kAgeBins - 1)];
        ++result.bySuccessRate[binOf(rate, 0.0, 1.0, kRateBins)];
        result.meanAgeSteps += static_cast<double>(age) / static_cast<double>(m_groups.size());
        result.maxAgeSteps = std::max(result.maxAgeSteps, age);
        result.meanSuccessRate += rate / static_cast<double>(m_groups.size());
        result.rollouts += std::ssize(group->rollouts);
        for (const Rollout& rollout : group->rollouts)
            result.tokens += std::ssize(rollout.tokens);
        result.bytes += std::ssize(group->promptTokens) * static_cast<std::int64_t>(sizeof(std::int32_t));
    }
    result.bytes += result.tokens * static_cast<std::int64_t>(sizeof(std::int32_t) + sizeof(float));
    const auto [low, high] = std::minmax_element(rewards.begin(), rewards.end());
    result.lowestMeanReward = *low;
    result.highestMeanReward = *high;
    for (const double reward : rewards)
        ++result.byMeanReward[binOf(reward, *low, *high, kRateBins)];
    return result;
}

std::string ReplayBuffer::serialise() const
{
    ByteWriter out;
    out.putText(kTag);
    out.put(m_lastAppendStep);
    out.put(static_cast<std::uint64_t>(m_groups.size()));
    for (const auto& group : m_groups)
        putGroup(out, *group);
    return out.take();
}

void ReplayBuffer::restore(std::string_view bytes)
{
    ByteReader in(bytes, "replay buffer");
    in.expectTag(kTag);
    const auto lastAppendStep = in.get<std::int64_t>();
    std::vector<std::shared_ptr<const Group>> groups;
    for (auto left = in.get<std::uint64_t>(); left > 0; --left)
        groups.push_back(std::make_shared<const Group>(getGroup(in)));
    in.expectEnd();
    m_lastAppendStep = lastAppendStep;
    m_groups = std::move(groups);
}

} // namespace midpoint::replay
