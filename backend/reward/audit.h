// Doubts about the data and the reward, found in what a run has graded. Pure functions; the engine stores and shows them.
#pragma once

#include "backend/reward/grader.h"

#include <map>
#include <optional>
#include <span>
#include <unordered_map>

namespace midpoint::reward {

struct ReferenceFinding {
    std::size_t index = 0; // in the given references
    std::string problem;
};

// References that the grader cannot use.
std::vector<ReferenceFinding> unusableReferences(Grader& grader, std::span<const std::string> references);

struct LabelRule {
    std::int64_t minRollouts = 16;     // of a prompt, with an answer
    double maxSuccessRate = 0.05;
    double minMajorityShare = 0.6;     // of the answers
};

struct SuspectedLabel {
    PromptId prompt = 0;
    std::int64_t promptIndex = 0;
    std::string majorityAnswer;
    std::int64_t majorityCount = 0;
    std::int64_t answers = 0;   // rollouts with an answer
    std::int64_t successes = 0;
};

// Prompts whose rollouts agree on one answer that is not the reference: more likely a wrong label than an agreed mistake, and
// worth a look either way. Groups of one prompt are added up over a run; few of the many rare answers of a prompt are kept.
class LabelAudit {
public:
    void add(std::span<const Group> groups);
    std::vector<SuspectedLabel> suspects(const LabelRule& rule = {}) const; // most agreed first
    std::string serialise() const;
    static LabelAudit deserialise(std::string_view bytes); // throws Error{Checkpoint}

private:
    struct Answer {
        std::string text; // the first one seen of its normal form
        std::int64_t count = 0;
    };
    struct Tally {
        std::int64_t promptIndex = 0;
        std::int64_t answers = 0;
        std::int64_t successes = 0;
        std::map<std::string, Answer> wrongAnswers; // by normal form
    };
    static void addAnswer(Tally& tally, const std::string& extracted);

    std::unordered_map<PromptId, Tally> m_tallies;
};

std::vector<SuspectedLabel> suspectedLabelErrors(std::span<const Group> groups, const LabelRule& rule = {});

struct RewardPoint {
    std::int64_t step = 0;
    double trainingReward = 0.0;  // mean over the steps since the point before
    double heldOutAccuracy = 0.0;
    std::int64_t heldOutAnswers = 0; // graded for the accuracy
};

struct RewardRule {
    std::size_t minPoints = 6;     // evaluations, the newest are looked at
    double minRewardRise = 0.05;   // between the older and the newer half
};

// The training reward rises while held-out accuracy does not: the policy may be learning the grader. The text of the alarm,
// or nothing. "Does not rise" allows for the sampling error of the accuracy.
std::optional<std::string> rewardAlarm(std::span<const RewardPoint> points, const RewardRule& rule = {});

} // namespace midpoint::reward
