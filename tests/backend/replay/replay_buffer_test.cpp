#include "backend/replay/replay_buffer.h"

#include "backend/core/error.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

namespace midpoint::replay {
namespace {

Rng rngOf(std::int64_t step)
{
    RngKey key;
    key.seed = 9;
    key.purpose = DrawPurpose::ReplayChoice;
    key.step = step;
    return Rng(key);
}

Group groupOf(PromptId prompt, std::int64_t step, const std::vector<double>& rewards)
{
    Group group;
    group.prompt = prompt;
    group.birthStep = step;
    group.promptTokens = { 1, 2, static_cast<std::int32_t>(prompt) };
    for (std::size_t i = 0; i < rewards.size(); ++i) {
        Rollout rollout;
        rollout.reward = rewards[i];
        rollout.verdict = rewards[i] > 0.5 ? Verdict::Correct : Verdict::Wrong;
        rollout.tokens.assign(i + 1, static_cast<std::int32_t>(i)); // ragged
        for (std::size_t t = 0; t <= i; ++t)
            rollout.logprobs.push_back(-0.1F * static_cast<float>(t + 1));
        rollout.text = "text";
        group.rollouts.push_back(rollout);
    }
    return group;
}

Group withSignal(PromptId prompt, std::int64_t step)
{
    return groupOf(prompt, step, { 1, 0, 0 });
}
Group withoutSignal(PromptId prompt, std::int64_t step)
{
    return groupOf(prompt, step, { 0, 0, 0 });
}

std::vector<PromptId> promptsIn(const ReplayBuffer& buffer)
{
    std::vector<PromptId> prompts;
    for (const auto& group : buffer.groups())
        prompts.push_back(group->prompt);
    return prompts;
}

std::set<PromptId> promptsIn(const ReplaySample& sample)
{
    std::set<PromptId> prompts;
    for (const ReplayedGroup& replayed : sample.groups)
        prompts.insert(replayed.group->prompt);
    return prompts;
}

TEST(ReplayBufferPaper, Append_KeepsOnlyGroupsWithSignalAndTheNewest)
{
    ReplayBuffer buffer({ .capacity = 3 });
    buffer.append({ withSignal(1, 0), withoutSignal(2, 0), withSignal(3, 0) }, 0);
    EXPECT_EQ(promptsIn(buffer), (std::vector<PromptId> { 1, 3 }));
    buffer.append({ withSignal(4, 1), withSignal(5, 1) }, 1);
    EXPECT_EQ(promptsIn(buffer), (std::vector<PromptId> { 3, 4, 5 })) << "the oldest leaves";
}

TEST(ReplayBufferPaper, Append_PromptAgain_LastGroupStaysAndPushesNothingOut)
{
    ReplayBuffer buffer({ .capacity = 2 });
    buffer.append({ withSignal(1, 0), withSignal(2, 0) }, 0);
    buffer.append({ withSignal(1, 1) }, 1);
    EXPECT_EQ(promptsIn(buffer), (std::vector<PromptId> { 2, 1 }));
    EXPECT_EQ(buffer.groups()[1]->birthStep, 1);
}

TEST(ReplayBuffer, Append_TwiceInOneStep_IsAnError)
{
    ReplayBuffer buffer({ .capacity = 8 });
    buffer.append({ withSignal(1, 4) }, 4);
    EXPECT_THROW(buffer.append({ withSignal(2, 4) }, 4), Error);
    EXPECT_THROW(buffer.append({ withSignal(2, 3) }, 3), Error);
    EXPECT_EQ(buffer.size(), 1);
}

TEST(ReplayBuffer, Sample_MoreThanThereIs_SaysHowManyAreMissing)
{
    ReplayBuffer buffer({ .capacity = 8 });
    buffer.append({ withSignal(1, 0), withSignal(2, 0) }, 0);
    Rng rng = rngOf(1);
    const ReplaySample sample = buffer.sample(5, 1, rng);
    EXPECT_EQ(sample.groups.size(), 2U);
    EXPECT_EQ(sample.missing(), 3);
    EXPECT_EQ(buffer.size(), 2) << "a drawn group stays";
}

TEST(ReplayBuffer, Sample_SameStep_DrawsNoGroupOfThatStep)
{
    ReplayBuffer buffer({ .capacity = 8 });
    buffer.append({ withSignal(1, 0) }, 0);
    buffer.append({ withSignal(2, 1) }, 1);
    Rng rng = rngOf(1);
    EXPECT_EQ(promptsIn(buffer.sample(2, 1, rng)), (std::set<PromptId> { 1 }));
}

TEST(ReplayBuffer, Sample_ManyDraws_EveryPairEquallyOften)
{
    ReplayBuffer buffer({ .capacity = 8 });
    buffer.append({ withSignal(1, 0), withSignal(2, 0), withSignal(3, 0), withSignal(4, 0) }, 0);
    std::map<std::set<PromptId>, int> counts;
    constexpr int kDraws = 6000;
    for (int draw = 0; draw < kDraws; ++draw) {
        Rng rng = rngOf(draw);
        ++counts[promptsIn(buffer.sample(2, 1, rng))];
    }
    ASSERT_EQ(counts.size(), 6U);
    for (const auto& [pair, count] : counts)
        EXPECT_NEAR(count, kDraws / 6, 4.5 * std::sqrt(kDraws * 5.0 / 36.0));
    Rng first = rngOf(7);
    Rng second = rngOf(7);
    EXPECT_EQ(promptsIn(buffer.sample(2, 1, first)), promptsIn(buffer.sample(2, 1, second)));
}

TEST(ReplayBuffer, MaxAge_OlderGroupsAreGone)
{
    ReplayBuffer buffer({ .capacity = 8, .maxAgeSteps = 2 });
    buffer.append({ withSignal(1, 0) }, 0);
    buffer.append({ withSignal(2, 1) }, 1);
    Rng rng = rngOf(2);
    const ReplaySample atTwo = buffer.sample(8, 2, rng);
    EXPECT_EQ(promptsIn(atTwo), (std::set<PromptId> { 1, 2 }));
    EXPECT_EQ(atTwo.groups[0].ageSteps + atTwo.groups[1].ageSteps, 3);
    EXPECT_EQ(promptsIn(buffer.sample(8, 3, rng)), (std::set<PromptId> { 2 }));
    EXPECT_EQ(buffer.size(), 1);
}

TEST(ReplayBuffer, PositiveOnly_RowsAboveTheGroupsMean)
{
    for (const bool positiveOnly : { false, true }) {
        ReplayBuffer buffer({ .capacity = 8, .positiveOnly = positiveOnly });
        buffer.append({ groupOf(1, 0, { 0.2, 1.0, 0.6, 0.2 }) }, 0);
        Rng rng = rngOf(1);
        const ReplaySample sample = buffer.sample(1, 1, rng);
        const std::vector<std::int64_t> expected
            = positiveOnly ? std::vector<std::int64_t> { 1, 2 } : std::vector<std::int64_t> { 0, 1, 2, 3 };
        EXPECT_EQ(sample.groups[0].rows, expected);
        EXPECT_EQ(sample.groups[0].group->rollouts.size(), 4U) << "the whole group, for its advantages";
    }
}

// The order of the released code: keep the last group of a prompt, drop those without signal, draw, keep the newest C -
// sigma B.
TEST(ReplayBufferReleased, Sample_FollowsTheReleasedOrder)
{
    ReplayBuffer buffer({ .capacity = 6, .rule = Rule::Released, .freshGroupsPerStep = 2 });
    buffer.append({ withSignal(1, 0), withSignal(2, 0), withoutSignal(3, 0), withSignal(4, 0), withSignal(5, 0) }, 0);
    EXPECT_EQ(buffer.size(), 5) << "enters unfiltered";
    Rng rng = rngOf(1);
    EXPECT_EQ(promptsIn(buffer.sample(9, 1, rng)), (std::set<PromptId> { 1, 2, 4, 5 }));
    EXPECT_EQ(promptsIn(buffer), (std::vector<PromptId> { 1, 2, 4, 5 })) << "trimmed to 6 - 2";
    // The newer group of prompt 1 has no signal: the older one is not brought back.
    buffer.append({ withoutSignal(1, 1), withSignal(6, 1) }, 1);
    EXPECT_EQ(buffer.size(), 6);
    EXPECT_EQ(promptsIn(buffer.sample(9, 2, rng)), (std::set<PromptId> { 2, 4, 5, 6 }));
    // The draw sees what the trim removes only afterwards.
    buffer.append({ withSignal(7, 2), withSignal(8, 2) }, 2);
    EXPECT_EQ(promptsIn(buffer.sample(9, 3, rng)), (std::set<PromptId> { 2, 4, 5, 6, 7, 8 }));
    EXPECT_EQ(promptsIn(buffer), (std::vector<PromptId> { 5, 6, 7, 8 }));
}

TEST(ReplayBuffer, ManySteps_NeverAboveCapacityAndNeverAPromptTwiceInASample)
{
    for (const Rule rule : { Rule::Paper, Rule::Released }) {
        ReplayBuffer buffer({ .capacity = 20, .rule = rule, .maxAgeSteps = 6, .freshGroupsPerStep = 12 });
        for (std::int64_t step = 0; step < 60; ++step) {
            Rng rng = rngOf(step);
            const ReplaySample sample = buffer.sample(8, step, rng);
            EXPECT_EQ(sample.asked, 8);
            EXPECT_EQ(promptsIn(sample).size(), sample.groups.size());
            for (const ReplayedGroup& replayed : sample.groups) {
                EXPECT_TRUE(replayed.group->hasSignal());
                EXPECT_GE(replayed.ageSteps, 1);
                EXPECT_LE(replayed.ageSteps, 6);
            }
            std::vector<Group> fresh;
            const std::int64_t count = step == 0 ? 24 : 12;
            for (std::int64_t i = 0; i < count; ++i) {
                const PromptId prompt = rng.below(50);
                fresh.push_back(rng.uniform() < 0.5 ? withSignal(prompt, step) : withoutSignal(prompt, step));
            }
            buffer.append(std::move(fresh), step);
            EXPECT_LE(buffer.size(), 20);
        }
    }
}

TEST(ReplayBuffer, Composition_CountsGroupsByAgeAndRate)
{
    ReplayBuffer buffer({ .capacity = 8 });
    buffer.append({ groupOf(1, 0, { 1, 0, 0, 0 }), groupOf(2, 0, { 1, 1, 1, 0 }) }, 0);
    buffer.append({ groupOf(3, 1, { 1, 0 }) }, 1);
    const Composition composition = buffer.composition(3);
    EXPECT_EQ(composition.groups, 3);
    EXPECT_EQ(composition.rollouts, 10);
    EXPECT_EQ(composition.tokens, 10 + 10 + 3);
    EXPECT_NEAR(composition.meanAgeSteps, 8.0 / 3.0, 1e-12);
    EXPECT_EQ(composition.maxAgeSteps, 3);
    EXPECT_NEAR(composition.meanSuccessRate, 0.5, 1e-12);
    EXPECT_EQ(composition.byAge[2], 1);
    EXPECT_EQ(composition.byAge[3], 2);
    EXPECT_EQ(composition.bySuccessRate[2], 1);
    EXPECT_EQ(composition.bySuccessRate[5], 1);
    EXPECT_EQ(composition.bySuccessRate[7], 1);
    EXPECT_EQ(composition.bytes, 23 * 8 + 9 * 4);
    EXPECT_EQ(ReplayBuffer({ .capacity = 8 }).composition(3).meanAgeSteps, 0.0);
}

TEST(ReplayBuffer, Restore_OfSerialised_EqualInEverythingThatTrains)
{
    ReplayBuffer buffer({ .capacity = 8 });
    buffer.append({ groupOf(1, 5, { 1, 0, 0.25 }), groupOf(2, 5, { 0, 1 }) }, 5);
    ReplayBuffer restored({ .capacity = 8 });
    restored.restore(buffer.serialise());
    EXPECT_EQ(restored.serialise(), buffer.serialise());
    ASSERT_EQ(restored.size(), 2);
    const Group& group = *restored.groups()[0];
    EXPECT_EQ(group.birthStep, 5);
    EXPECT_EQ(group.promptTokens, (std::vector<std::int32_t> { 1, 2, 1 }));
    EXPECT_EQ(group.rollouts[2].tokens, (std::vector<std::int32_t> { 2, 2, 2 }));
    EXPECT_EQ(group.rollouts[2].logprobs, buffer.groups()[0]->rollouts[2].logprobs);
    EXPECT_EQ(group.rollouts[2].reward, 0.25);
    EXPECT_TRUE(group.rollouts[2].text.empty()) << "texts are stored with the run, not here";
    EXPECT_THROW(restored.append({ withSignal(1, 5) }, 5), Error) << "the step was appended before the checkpoint";
    Rng first = rngOf(6);
    Rng second = rngOf(6);
    EXPECT_EQ(promptsIn(buffer.sample(1, 6, first)), promptsIn(restored.sample(1, 6, second)));
}

TEST(ReplayBuffer, Restore_Damaged_IsAnErrorAndChangesNothing)
{
    ReplayBuffer buffer({ .capacity = 8 });
    buffer.append({ withSignal(1, 0) }, 0);
    const std::string bytes = buffer.serialise();
    ReplayBuffer other({ .capacity = 8 });
    other.append({ withSignal(2, 0) }, 0);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_THROW(other.restore(std::string_view(bytes).substr(0, size)), Error);
    EXPECT_EQ(promptsIn(other), (std::vector<PromptId> { 2 }));
}

TEST(ReplayBuffer, Options_OutOfRange_NameTheKey)
{
    EXPECT_THROW(ReplayBuffer({ .capacity = 0 }), Error);
    EXPECT_THROW(ReplayBuffer({ .capacity = 4, .maxAgeSteps = -1 }), Error);
    EXPECT_THROW(ReplayBuffer({ .capacity = 4, .rule = Rule::Released, .freshGroupsPerStep = 5 }), Error);
    EXPECT_EQ(ruleFromName("released"), Rule::Released);
    try {
        ruleFromName("fifo");
        FAIL() << "an unknown rule was accepted";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("replay.rule"), std::string::npos);
    }
}

// With weights 1 and 1/4 for the two ages, one of two groups is drawn 4 times as often.
TEST(ReplayPriority, Freshness_DrawsInTheRatioOfTheWeights)
{
    std::map<PromptId, int> drawn;
    for (std::int64_t trial = 0; trial < 4000; ++trial) {
        ReplayBuffer buffer({ .capacity = 8, .freshnessDecay = 0.5 });
        buffer.append({ withSignal(1, 0) }, 0);
        buffer.append({ withSignal(2, 2) }, 2);
        Rng rng = rngOf(trial);
        ++drawn[buffer.sample(1, 3, rng).groups.front().group->prompt];
    }
    EXPECT_NEAR(drawn[2] / 4000.0, 0.8, 0.03) << "four standard errors are 0.025";
}

TEST(ReplayPriority, Signal_DrawsInTheRatioOfTheVariances)
{
    std::map<PromptId, int> drawn;
    for (std::int64_t trial = 0; trial < 4000; ++trial) {
        ReplayBuffer buffer({ .capacity = 8, .priority = Priority::Signal });
        buffer.append({ groupOf(1, 0, { 1, 0, 0, 0, 0, 0, 0, 0 }), groupOf(2, 0, { 1, 1, 1, 1, 0, 0, 0, 0 }) }, 0);
        Rng rng = rngOf(trial);
        ++drawn[buffer.sample(1, 1, rng).groups.front().group->prompt];
    }
    EXPECT_NEAR(drawn[2] / 4000.0, 0.25 / (0.25 + 7.0 / 64.0), 0.03);
}

TEST(ReplayPriority, Drop_RemovesThesePromptsForGood)
{
    ReplayBuffer buffer({ .capacity = 8, .priority = Priority::Signal });
    buffer.append({ withSignal(1, 0), withSignal(2, 0), withSignal(3, 0) }, 0);
    buffer.drop(std::vector<PromptId> { 1, 3, 99 });
    EXPECT_EQ(promptsIn(buffer), (std::vector<PromptId> { 2 }));
    Rng rng = rngOf(1);
    EXPECT_EQ(buffer.sample(3, 1, rng).missing(), 2);
}

TEST(ReplayPriority, BadNamesAndDecays_AreErrors)
{
    EXPECT_THROW(priorityFromName("age"), Error);
    EXPECT_THROW(ReplayBuffer({ .freshnessDecay = 0.0 }), Error);
    EXPECT_THROW(ReplayBuffer({ .freshnessDecay = 1.5 }), Error);
}

} // namespace
} // namespace midpoint::replay
