#include "backend/engine/run_audit.h"

#include "backend/core/bytes.h"
#include "backend/core/text.h"

#include <nlohmann/json.hpp>

namespace midpoint::engine {
namespace {

constexpr std::size_t kMostEventsPerStep = 20; // a grader that rejects everything must not flood the run
constexpr const char* kTag = "run audit 1";

store::Event suspectEvent(const reward::SuspectedLabel& suspect, std::int64_t storedStep)
{
    store::Event event;
    event.step = storedStep;
    event.level = store::EventLevel::Warning;
    event.rule = RunAudit::kSuspectedLabel;
    event.message = concat("prompt ", suspect.promptIndex, ": ", suspect.majorityCount, " of ", suspect.answers, " answers are '",
        suspect.majorityAnswer, "', ", suspect.successes, " equal the reference: look at the reference");
    event.data = nlohmann::json({ { "prompt", suspect.promptIndex }, { "prompt_id", suspect.prompt },
                                    { "majority_answer", suspect.majorityAnswer }, { "majority_count", suspect.majorityCount },
                                    { "answers", suspect.answers }, { "successes", suspect.successes } })
                     .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return event;
}

} // namespace

std::vector<store::Event> RunAudit::lookAtStep(std::span<const Group* const> graded, std::int64_t storedStep)
{
    for (const Group* group : graded) {
        m_labels.add({ group, 1 });
        for (const Rollout& rollout : group->rollouts) {
            m_rewardSum += rollout.reward;
            ++m_rewardCount;
        }
    }
    std::vector<store::Event> events;
    for (const reward::SuspectedLabel& suspect : m_labels.suspects()) {
        if (events.size() == kMostEventsPerStep)
            break;
        if (m_reported.insert(suspect.prompt).second)
            events.push_back(suspectEvent(suspect, storedStep));
    }
    return events;
}

std::vector<store::Event> RunAudit::lookAtEvaluation(const std::vector<EvaluationResult>& evaluations, std::int64_t storedStep)
{
    if (evaluations.empty() || m_rewardCount == 0)
        return {};
    reward::RewardPoint point;
    point.step = storedStep;
    point.trainingReward = m_rewardSum / static_cast<double>(m_rewardCount);
    double correct = 0.0;
    for (const EvaluationResult& result : evaluations) {
        correct += result.meanAccuracy * static_cast<double>(result.rollouts);
        point.heldOutAnswers += result.rollouts;
    }
    point.heldOutAccuracy = point.heldOutAnswers > 0 ? correct / static_cast<double>(point.heldOutAnswers) : 0.0;
    m_rewardSum = 0.0;
    m_rewardCount = 0;
    m_points.push_back(point);
    const reward::RewardRule rule;
    if (m_points.size() > rule.minPoints)
        m_points.erase(m_points.begin());

    const std::optional<std::string> alarm = reward::rewardAlarm(m_points, rule);
    const bool isNew = alarm.has_value() && !m_isAlarmed;
    m_isAlarmed = alarm.has_value();
    if (!isNew)
        return {};
    store::Event event;
    event.step = storedStep;
    event.level = store::EventLevel::Warning;
    event.rule = kRewardAlarm;
    event.message = *alarm;
    return { event };
}

std::string RunAudit::serialise() const
{
    ByteWriter writer;
    writer.putText(kTag);
    writer.putText(m_labels.serialise());
    writer.putVector(std::vector<PromptId>(m_reported.begin(), m_reported.end()));
    writer.put(static_cast<std::uint64_t>(m_points.size()));
    for (const reward::RewardPoint& point : m_points) {
        writer.put(point.step);
        writer.put(point.trainingReward);
        writer.put(point.heldOutAccuracy);
        writer.put(point.heldOutAnswers);
    }
    writer.put(m_rewardSum);
    writer.put(m_rewardCount);
    writer.put(static_cast<std::uint8_t>(m_isAlarmed));
    return writer.take();
}

void RunAudit::restore(std::string_view bytes)
{
    ByteReader reader(bytes, "audit.bin");
    reader.expectTag(kTag);
    m_labels = reward::LabelAudit::deserialise(reader.getText());
    const std::vector<PromptId> reported = reader.getVector<PromptId>();
    m_reported = std::set<PromptId>(reported.begin(), reported.end());
    m_points.clear();
    const auto points = reader.get<std::uint64_t>();
    for (std::uint64_t i = 0; i < points; ++i) {
        reward::RewardPoint point;
        point.step = reader.get<std::int64_t>();
        point.trainingReward = reader.get<double>();
        point.heldOutAccuracy = reader.get<double>();
        point.heldOutAnswers = reader.get<std::int64_t>();
        m_points.push_back(point);
    }
    m_rewardSum = reader.get<double>();
    m_rewardCount = reader.get<std::int64_t>();
    m_isAlarmed = reader.get<std::uint8_t>() != 0;
    reader.expectEnd();
}

} // namespace midpoint::engine
