#include "backend/reward/audit.h"

#include "backend/core/text.h"
#include "backend/reward/math_normal_form.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

namespace midpoint::reward {

std::vector<ReferenceFinding> unusableReferences(Grader& grader, std::span<const std::string> references)
{
    std::vector<ReferenceFinding> findings;
    for (std::size_t i = 0; i < references.size(); ++i)
        if (std::string problem = grader.referenceProblem(references[i]); !problem.empty())
            findings.push_back({ i, std::move(problem) });
    return findings;
}

namespace {

struct Tally {
    std::int64_t promptIndex = 0;
    std::int64_t answers = 0;
    std::int64_t successes = 0;
    // By normal form; the text is the first one seen.
    std::map<std::string, std::pair<std::string, std::int64_t>> wrongAnswers;
};

} // namespace

std::vector<SuspectedLabel> suspectedLabelErrors(std::span<const Group> groups, const LabelRule& rule)
{
    std::unordered_map<PromptId, Tally> tallies;
    for (const Group& group : groups) {
        Tally& tally = tallies[group.prompt];
        tally.promptIndex = group.promptIndex;
        for (const Rollout& rollout : group.rollouts) {
            if (rollout.extracted.empty() || (rollout.verdict != Verdict::Correct && rollout.verdict != Verdict::Wrong))
                continue;
            ++tally.answers;
            tally.successes += rollout.isSuccess() ? 1 : 0;
            if (rollout.isSuccess())
                continue;
            auto& [text, count] = tally.wrongAnswers[mathNormalForm(rollout.extracted)];
            text = count == 0 ? rollout.extracted : text;
            ++count;
        }
    }
    std::vector<SuspectedLabel> suspects;
    for (const auto& [prompt, tally] : tallies) {
        const auto answers = static_cast<double>(tally.answers);
        if (tally.answers < rule.minRollouts || static_cast<double>(tally.successes) > rule.maxSuccessRate * answers)
            continue;
        const auto majority = std::max_element(tally.wrongAnswers.begin(), tally.wrongAnswers.end(),
            [](const auto& a, const auto& b) { return a.second.second < b.second.second; });
        if (majority == tally.wrongAnswers.end() || static_cast<double>(majority->second.second) < rule.minMajorityShare * answers)
            continue;
        suspects.push_back({ prompt, tally.promptIndex, majority->second.first, majority->second.second, tally.answers, tally.successes });
    }
    std::sort(suspects.begin(), suspects.end(), [](const SuspectedLabel& a, const SuspectedLabel& b) {
        const auto shareA = static_cast<double>(a.majorityCount) / static_cast<double>(a.answers);
        const auto shareB = static_cast<double>(b.majorityCount) / static_cast<double>(b.answers);
        return shareA != shareB ? shareA > shareB : a.promptIndex < b.promptIndex;
    });
    return suspects;
}

std::optional<std::string> rewardAlarm(std::span<const RewardPoint> points, const RewardRule& rule)
{
    if (points.size() < rule.minPoints)
        return std::nullopt;
    const std::span<const RewardPoint> newest = points.last(rule.minPoints);
    const std::size_t half = newest.size() / 2;
    struct Means {
        double reward = 0.0;
        double accuracy = 0.0;
        double answers = 0.0;
    };
    const auto meansOf = [](std::span<const RewardPoint> part) {
        Means means;
        for (const RewardPoint& point : part) {
            means.reward += point.trainingReward / static_cast<double>(part.size());
            means.accuracy += point.heldOutAccuracy / static_cast<double>(part.size());
            means.answers += static_cast<double>(point.heldOutAnswers);
        }
        return means;
    };
    const Means older = meansOf(newest.first(half));
    const Means newer = meansOf(newest.subspan(newest.size() - half));
    const double rewardRise = newer.reward - older.reward;
    const double accuracyRise = newer.accuracy - older.accuracy;
    // One standard error of the difference: a smaller rise is not told from none.
    const double p = 0.5 * (older.accuracy + newer.accuracy);
    const double error = older.answers > 0.0 && newer.answers > 0.0
        ? std::sqrt(std::max(0.0, p * (1.0 - p)) * (1.0 / older.answers + 1.0 / newer.answers))
        : 0.0;
    if (rewardRise < rule.minRewardRise || accuracyRise > error)
        return std::nullopt;
    return concat("training reward rose by ", fixed(rewardRise, 3), " over steps ", newest.front().step, " to ", newest.back().step,
        " while held-out accuracy changed by ", fixed(accuracyRise, 3), ": the policy may be learning the grader");
}

} // namespace midpoint::reward
