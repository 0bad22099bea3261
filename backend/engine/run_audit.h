// Doubts about labels and reward that grow over a run (backend/reward/audit.h), kept between steps and over a resume, as events.
#pragma once

#include "backend/engine/step_outcome.h"
#include "backend/reward/audit.h"

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::engine {

class RunAudit {
public:
    // Rules of the events, stable words that readers search for.
    static constexpr const char* kSuspectedLabel = "suspected_label";
    static constexpr const char* kRewardAlarm = "reward_without_progress";

    // Graded groups of one step, replayed ones excluded. A suspected label is said once, a few at a time.
    std::vector<store::Event> lookAtStep(std::span<const Group* const> graded, std::int64_t storedStep);
    // After the step of an evaluation; speaks when the alarm begins.
    std::vector<store::Event> lookAtEvaluation(const std::vector<EvaluationResult>& evaluations, std::int64_t storedStep);

    std::string serialise() const;
    void restore(std::string_view bytes); // throws Error{Checkpoint}

private:
    reward::LabelAudit m_labels;
    std::set<PromptId> m_reported;
    std::vector<reward::RewardPoint> m_points; // the newest
    double m_rewardSum = 0.0;                  // since the last evaluation
    std::int64_t m_rewardCount = 0;
    bool m_isAlarmed = false;
};

} // namespace midpoint::engine
