#include "backend/reward/audit.h"

#include "backend/core/bytes.h"
#include "backend/core/text.h"
#include "backend/reward/math_normal_form.h"

#include <algorithm>
#include <cmath>

namespace midpoint::reward {

std::vector<ReferenceFinding> unusableReferences(Grader& grader, std::span<const std::string> references)
{
    std::vector<ReferenceFinding> findings;
    for (std::size_t i = 0; i < references.size(); ++i)
        if (std::string problem = grader.referenceProblem(references[i]); !problem.empty())
            findings.push_back({ i, std::move(problem) });
    return findings;
}

void LabelAudit::add(std::span<const Group> groups)
{
    for (const Group& group : groups) {
        Tally& tally = m_tallies[group.prompt];
        tally.promptIndex = group.promptIndex;
        for (const Rollout& rollout : group.rollouts) {
            if (rollout.extracted.empty() || (rollout.verdict != Verdict::Correct && rollout.verdict != Verdict::Wrong))
                continue;
            ++tally.answers;
            if (rollout.isSuccess())
                ++tally.successes;
            else
                addAnswer(tally, rollout.extracted);
        }
    }
}

void LabelAudit::addAnswer(Tally& tally, const std::string& extracted)
{
    constexpr std::size_t kMostForms = 32;
    constexpr std::size_t kLongestForm = 200; // characters
    const std::string form = mathNormalForm(extracted).substr(0, kLongestForm);
    if (!tally.wrongAnswers.contains(form) && tally.wrongAnswers.size() >= kMostForms)
        tally.wrongAnswers.erase(std::min_element(tally.wrongAnswers.begin(), tally.wrongAnswers.end(),
            [](const auto& a, const auto& b) { return a.second.count < b.second.count; }));
    Answer& answer = tally.wrongAnswers[form];
    if (answer.count++ == 0)
        answer.text = extracted.substr(0, kLongestForm);
}

std::vector<SuspectedLabel> LabelAudit::suspects(const LabelRule& rule) const
{
    std::vector<SuspectedLabel> suspects;
    for (const auto& [prompt, tally] : m_tallies) {
        const auto answers = static_cast<double>(tally.answers);
        if (tally.answers < rule.minRollouts || static_cast<double>(tally.successes) > rule.maxSuccessRate * answers)
            continue;
        const auto majority = std::max_element(tally.wrongAnswers.begin(), tally.wrongAnswers.end(),
            [](const auto& a, const auto& b) { return a.second.count < b.second.count; });
        if (majority == tally.wrongAnswers.end() || static_cast<double>(majority->second.count) < rule.minMajorityShare * answers)
            continue;
        suspects.push_back({ prompt, tally.promptIndex, majority->second.text, majority->second.count, tally.answers, tally.successes });
    }
    std::sort(suspects.begin(), suspects.end(), [](const SuspectedLabel& a, const SuspectedLabel& b) {
        const auto shareA = static_cast<double>(a.majorityCount) / static_cast<double>(a.answers);
        const auto shareB = static_cast<double>(b.majorityCount) / static_cast<double>(b.answers);
        return shareA != shareB ? shareA > shareB : a.promptIndex < b.promptIndex;
    });
    return suspects;
}

namespace {

constexpr const char* kLabelTag = "label audit 1";

} // namespace

std::string LabelAudit::serialise() const
{
    const std::map<PromptId, Tally> sorted(m_tallies.begin(), m_tallies.end());
    ByteWriter writer;
    writer.putText(kLabelTag);
    writer.put(static_cast<std::uint64_t>(sorted.size()));
    for (const auto& [prompt, tally] : sorted) {
        writer.put(prompt);
        writer.put(tally.promptIndex);
        writer.put(tally.answers);
        writer.put(tally.successes);
        writer.put(static_cast<std::uint64_t>(tally.wrongAnswers.size()));
        for (const auto& [form, answer] : tally.wrongAnswers) {
            writer.putText(form);
            writer.putText(answer.text);
            writer.put(answer.count);
        }
    }
    return writer.take();
}

LabelAudit LabelAudit::deserialise(std::string_view bytes)
{
    LabelAudit audit;
    ByteReader reader(bytes, "label audit");
    reader.expectTag(kLabelTag);
    const auto prompts = reader.get<std::uint64_t>();
    for (std::uint64_t i = 0; i < prompts; ++i) {
        Tally& tally = audit.m_tallies[reader.get<PromptId>()];
        tally.promptIndex = reader.get<std::int64_t>();
        tally.answers = reader.get<std::int64_t>();
        tally.successes = reader.get<std::int64_t>();
        const auto forms = reader.get<std::uint64_t>();
        for (std::uint64_t j = 0; j < forms; ++j) {
            Answer& answer = tally.wrongAnswers[reader.getText()];
            answer.text = reader.getText();
            answer.count = reader.get<std::int64_t>();
        }
    }
    reader.expectEnd();
    return audit;
}

std::vector<SuspectedLabel> suspectedLabelErrors(std::span<const Group> groups, const LabelRule& rule)
{
    LabelAudit audit;
    audit.add(groups);
    return audit.suspects(rule);
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
