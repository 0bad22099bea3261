#include "backend/engine/evaluation.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace midpoint::engine {
namespace {

constexpr std::size_t kPromptsPerRound = 256; // between two looks at progress and stop token

// The most frequent extracted answer, the first in case of a tie; correct if its rollouts are.
bool isMajorityCorrect(const Group& group)
{
    std::map<std::string, std::int64_t> counts;
    const Rollout* best = nullptr;
    std::int64_t bestCount = 0;
    for (const Rollout& rollout : group.rollouts)
        if (!rollout.extracted.empty())
            ++counts[rollout.extracted];
    for (const Rollout& rollout : group.rollouts) {
        if (rollout.extracted.empty() || counts[rollout.extracted] <= bestCount)
            continue;
        bestCount = counts[rollout.extracted];
        best = &rollout;
    }
    return best != nullptr && best->isSuccess();
}

} // namespace

EvaluationResult summariseEvaluation(const std::string& set, std::span<const Group> groups)
{
    EvaluationResult result;
    result.set = set;
    result.prompts = static_cast<std::int64_t>(groups.size());
    double sum = 0.0;
    double squares = 0.0;
    for (const Group& group : groups) {
        const auto samples = static_cast<double>(group.rollouts.size());
        result.samplesPerPrompt = static_cast<std::int64_t>(group.rollouts.size());
        const double rate = static_cast<double>(group.successes()) / samples;
        sum += rate;
        squares += rate * rate;
        result.passAtN += group.successes() > 0 ? 1.0 : 0.0;
        result.majorityAtN += isMajorityCorrect(group) ? 1.0 : 0.0;
        for (const Rollout& rollout : group.rollouts) {
            ++result.rollouts;
            result.generatedTokens += static_cast<std::int64_t>(rollout.tokens.size());
            result.truncatedShare += rollout.finish == FinishReason::Length ? 1.0 : 0.0;
            result.unparseableShare += rollout.verdict == Verdict::Unparseable ? 1.0 : 0.0;
        }
    }
    const auto prompts = static_cast<double>(std::max<std::int64_t>(1, result.prompts));
    const auto rollouts = static_cast<double>(std::max<std::int64_t>(1, result.rollouts));
    result.meanAccuracy = sum / prompts;
    if (result.prompts > 1) // over prompts: samples of one prompt are not independent draws of the set
        result.standardError = std::sqrt(std::max(0.0, squares / prompts - result.meanAccuracy * result.meanAccuracy) / (prompts - 1.0));
    result.passAtN /= prompts;
    result.majorityAtN /= prompts;
    result.truncatedShare /= rollouts;
    result.unparseableShare /= rollouts;
    result.meanLength = static_cast<double>(result.generatedTokens) / rollouts;
    return result;
}

Evaluator::Evaluator(
    const config::RunConfig& config, Roller& roller, const Tokenizer& tokenizer, const std::vector<std::string>& files)
    : m_config(config)
    , m_roller(roller)
{
    std::set<std::string> names;
    for (const std::string& file : files) {
        std::string name = std::filesystem::path(file).stem().string();
        for (int number = 2; !names.insert(name).second; ++number)
            name = concat(std::filesystem::path(file).stem().string(), "-", number);
        m_sets.push_back({ name, loadPrompts({ file }, config.data, tokenizer, config.eval.maxPrompts), {} });
    }
}

std::vector<EvaluationResult> Evaluator::evaluate(std::int64_t step, std::stop_token stop)
{
    std::vector<EvaluationResult> results;
    for (Set& set : m_sets) {
        const double started = systemClock().steadySeconds();
        set.groups.clear();
        const std::vector<PoolPrompt>& prompts = set.prompts.prompts;
        for (std::size_t first = 0; first < prompts.size(); first += kPromptsPerRound) {
            const std::size_t last = std::min(prompts.size(), first + kPromptsPerRound);
            std::vector<RollRequest> requests;
            for (std::size_t i = first; i < last; ++i)
                requests.push_back({ &prompts[i], Purpose::Evaluate, m_config.eval.samplesPerPrompt });
            std::vector<Group> groups = m_roller.generate(requests, step, evaluationSampling(m_config), stop);
            m_roller.grade(groups, prompts);
            std::move(groups.begin(), groups.end(), std::back_inserter(set.groups));
            if (m_progress)
                m_progress(static_cast<std::int64_t>(last), static_cast<std::int64_t>(prompts.size()));
        }
        results.push_back(summariseEvaluation(set.name, set.groups));
        results.back().seconds = systemClock().steadySeconds() - started;
    }
    return results;
}

} // namespace midpoint::engine
