#include "backend/engine/stored_groups.h"

#include "backend/engine/step_record.h"

#include <algorithm>
#include <map>

namespace midpoint::engine {
namespace {

// `replayed` names the rollouts that the trained rows are; null for a fresh group, all of whose rollouts are trained.
store::StoredGroup storedGroup(const Group& group, const policy::TrainGroup* trained, const replay::ReplayedGroup* replayed,
    std::int64_t step, const Tokenizer& tokenizer)
{
    store::StoredGroup stored;
    stored.step = storedStep(step);
    stored.promptIndex = group.promptIndex;
    stored.birthStep = storedStep(group.birthStep);
    stored.purpose = group.purpose;
    stored.isReplayed = replayed != nullptr;
    stored.promptTokens = group.promptTokens;
    for (const Rollout& rollout : group.rollouts) {
        store::StoredRollout one;
        one.rollout = rollout;
        if (one.rollout.text.empty()) // the replay buffer keeps none
            one.rollout.text = tokenizer.decode(rollout.tokens);
        one.tokenEnds = tokenEnds(tokenizer, rollout.tokens, one.rollout.text);
        stored.rollouts.push_back(std::move(one));
    }
    const std::size_t expected = replayed != nullptr ? replayed->rows.size() : group.rollouts.size();
    if (trained == nullptr || trained->rows.size() != expected)
        return stored;
    for (std::size_t row = 0; row < expected; ++row) {
        store::StoredRollout& target = stored.rollouts[replayed != nullptr ? static_cast<std::size_t>(replayed->rows[row]) : row];
        target.advantage = trained->rows[row].advantage;
        target.trainerLogprobs = trained->rows[row].oldLogprobs;
    }
    return stored;
}

} // namespace

std::vector<std::int32_t> tokenEnds(const Tokenizer& tokenizer, std::span<const std::int32_t> tokens, std::string_view text)
{
    std::vector<std::int32_t> ends;
    std::size_t at = 0;
    for (const std::int32_t token : tokens) {
        const std::string bytes = tokenizer.isSpecial(token) ? std::string() : tokenizer.tokenBytes(token);
        if (!bytes.empty() && !text.substr(at).starts_with(bytes) && text.substr(at).starts_with(' '))
            ++at; // words of a word-level vocabulary are joined by spaces
        if (!text.substr(at).starts_with(bytes))
            return {};
        at += bytes.size();
        ends.push_back(static_cast<std::int32_t>(at));
    }
    return ends;
}

std::vector<store::StoredGroup> storedGroups(const StepOutcome& outcome, std::int64_t maxRollouts, const Tokenizer& tokenizer)
{
    std::map<std::pair<std::int64_t, bool>, const policy::TrainGroup*> trained; // by prompt index and whether it was replayed
    for (const policy::TrainGroup& group : outcome.trained)
        trained[{ group.id, group.isReplayed }] = &group;
    std::vector<store::StoredGroup> stored;
    std::int64_t rollouts = 0;
    const auto add = [&](const Group& group, const replay::ReplayedGroup* replayed, std::int64_t limit) {
        const auto size = static_cast<std::int64_t>(group.rollouts.size());
        if (maxRollouts >= 0 && rollouts + size > limit)
            return;
        rollouts += size;
        const auto match = trained.find({ group.promptIndex, replayed != nullptr });
        stored.push_back(storedGroup(group, match != trained.end() ? match->second : nullptr, replayed, outcome.step, tokenizer));
    };
    constexpr std::int64_t kReplayedPart = 4; // a quarter of the places is kept for replayed groups, if there are that many
    std::int64_t replayedRollouts = 0;
    for (const replay::ReplayedGroup& group : outcome.replayed.groups)
        replayedRollouts += static_cast<std::int64_t>(group.group->rollouts.size());
    const std::int64_t forFresh = maxRollouts - std::min(maxRollouts / kReplayedPart, replayedRollouts);
    for (const Group& group : outcome.fresh)
        add(group, nullptr, forFresh);
    for (const replay::ReplayedGroup& group : outcome.replayed.groups)
        add(*group.group, &group, maxRollouts);
    for (const Group& group : outcome.unused)
        add(group, nullptr, maxRollouts);
    return stored;
}

} // namespace midpoint::engine
