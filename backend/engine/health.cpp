#include "backend/engine/health.h"

#include "backend/core/text.h"

#include <functional>

namespace midpoint::engine {
namespace {

using store::EventLevel;

constexpr double kMostGroups = 0.98;      // "nearly all": a first batch like this teaches nothing
constexpr double kManyUnparseable = 0.5;

double share(std::int64_t part, std::int64_t whole)
{
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

std::string percent(double value) { return concat(fixed(100.0 * value, value > 0.0 && value < 0.1 ? 1 : 0), " %"); }

struct Finding {
    const char* rule;
    EventLevel level;
    bool isTrue;
    std::function<std::string()> message;
};

std::vector<Finding> findings(const HealthFacts& facts, const config::HealthSection& limits)
{
    const double truncated = share(facts.truncated, facts.rollouts);
    const double unparseable = share(facts.unparseable, facts.rollouts);
    return {
        { "non_finite", EventLevel::Error, facts.skippedUpdates > 0,
            [&] { return concat(facts.skippedUpdates, " update(s) skipped, weights unchanged: ", facts.skippedReason); } },
        { "truncation", EventLevel::Warning, truncated > limits.truncationShare,
            [&, truncated] {
                return concat(percent(truncated), " of the responses were cut at rollout.max_new_tokens = ", facts.maxNewTokens,
                    "; they count as not solved. Raise the limit or shorten the answers.");
            } },
        { "unparseable", EventLevel::Warning, unparseable > kManyUnparseable,
            [&, unparseable] {
                return concat("no answer could be read from ", percent(unparseable),
                    " of the responses. Does the prompt ask for the form that reward.kind expects?");
            } },
        { "grader_failed", EventLevel::Warning, facts.graderFailed > 0,
            [&] { return concat("the grader failed on ", facts.graderFailed, " of ", facts.rollouts, " responses"); } },
        { "no_signal", EventLevel::Warning, facts.groups > 0 && facts.groupsWithSignal == 0,
            [&] {
                return concat("no group of this step has signal (", facts.allWrong, " all wrong, ", facts.allCorrect,
                    " all correct of ", facts.groups, "): nothing can be learned from it");
            } },
        { "entropy_collapse", EventLevel::Warning, facts.entropy.has_value() && *facts.entropy < limits.entropyFloor,
            [&] {
                return concat("entropy ", fixed(*facts.entropy, 4), " nats per token is below health.entropy_floor = ",
                    shortest(limits.entropyFloor), ": samples of a prompt become alike. Consider policy.clip_high, a higher ",
                    "rollout.temperature or a KL coefficient.");
            } },
        { "stale_replay", EventLevel::Warning, facts.replayedGroups > 0 && facts.replayMeanAge > limits.staleAgeSteps,
            [&] {
                return concat("replayed groups are ", fixed(facts.replayMeanAge, 1), " steps old on average (health.stale_age_steps = ",
                    shortest(limits.staleAgeSteps), "). Lower replay.capacity or set replay.max_age_steps.");
            } },
        { "replay_weights", EventLevel::Warning,
            facts.replayedGroups > 0 && facts.effectiveSampleShare < limits.minEffectiveSampleShare,
            [&] {
                return concat("replay weights have an effective sample share of ", fixed(facts.effectiveSampleShare, 2),
                    ": the policy has moved away from the replayed rollouts. Set replay.weight_cap or replay.max_age_steps.");
            } },
        { "replay_short", EventLevel::Info, facts.replayMissing > 0,
            [&] {
                return concat("the replay buffer had ", facts.replayMissing, " groups fewer than asked",
                    facts.isReplayFilled ? "; fresh prompts took their place" : " and the pool had no more fresh prompts");
            } },
        { "dynamic_sampling_cap", EventLevel::Warning, facts.maxRounds > 0 && facts.groupsGot < facts.groupsAsked,
            [&] {
                return concat("dynamic sampling found ", facts.groupsGot, " of ", facts.groupsAsked, " groups with signal among ",
                    facts.groups, " prompts in ", facts.rounds, " rounds; the step trains on those. ",
                    facts.rounds < facts.maxRounds ? "The pool has no more prompts for this selection round."
                                                   : concat("The cap is selection.max_rounds = ", facts.maxRounds, "."));
            } },
        { "logprob_difference", EventLevel::Warning, facts.logprobDifferenceMean > facts.logprobDifferenceLimit,
            [&] {
                return concat("rollout and trainer log-probs differ by ", fixed(facts.logprobDifferenceMean, 6),
                    " on average (policy.max_logprob_difference = ", shortest(facts.logprobDifferenceLimit),
                    "): behaviour log-probs are recomputed by the trainer from the next step on");
            } },
    };
}

} // namespace

std::vector<store::Event> HealthRules::look(const HealthFacts& facts, std::int64_t storedStep)
{
    std::vector<store::Event> events;
    for (const Finding& finding : findings(facts, m_settings)) {
        if (!finding.isTrue) {
            m_active.erase(finding.rule);
            continue;
        }
        if (!m_active.insert(finding.rule).second)
            continue;
        store::Event event;
        event.step = storedStep;
        event.level = finding.level;
        event.rule = finding.rule;
        event.message = finding.message();
        events.push_back(std::move(event));
    }
    return events;
}

std::vector<std::string> firstBatchReport(const HealthFacts& facts)
{
    std::vector<std::string> lines;
    lines.push_back(concat("first batch: ", facts.groups, " groups, ", facts.rollouts, " rollouts; with signal ",
        percent(share(facts.groupsWithSignal, facts.groups)), ", all wrong ", percent(share(facts.allWrong, facts.groups)),
        ", all correct ", percent(share(facts.allCorrect, facts.groups)), "; truncated ",
        percent(share(facts.truncated, facts.rollouts)), ", no readable answer ",
        percent(share(facts.unparseable, facts.rollouts))));
    const double truncated = share(facts.truncated, facts.rollouts);
    if (truncated > 0.5)
        lines.push_back(concat("  cause of no learning: ", percent(truncated),
            " of the responses hit rollout.max_new_tokens = ", facts.maxNewTokens, " before they gave an answer"));
    if (share(facts.unparseable, facts.rollouts) > kManyUnparseable)
        lines.push_back("  cause of no learning: most responses have no answer that reward.kind can read; look at them with"
                        " `midpoint generate`");
    if (facts.unusableReference > 0)
        lines.push_back(concat("  never solved: ", facts.unusableReference,
            " of the responses are to prompts whose reference answer cannot be read; `midpoint validate` lists them"));
    if (facts.graderFailed > 0)
        lines.push_back(concat("  never solved: the grader failed on ", facts.graderFailed, " of the responses"));
    if (share(facts.allWrong, facts.groups) > kMostGroups)
        lines.push_back("  cause of no learning: nearly every prompt is never solved; start with easier prompts, a warmed-up model"
                        " or selection.strategy = \"dots\"");
    if (share(facts.allCorrect, facts.groups) > kMostGroups)
        lines.push_back("  cause of no learning: nearly every prompt is always solved; use harder prompts");
    return lines;
}

} // namespace midpoint::engine
