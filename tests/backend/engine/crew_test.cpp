// How rollouts are dealt to ranks, and what ranks send each other.
#include "backend/core/text.h"
#include "backend/engine/crew.h"
#include "backend/engine/step_times.h"
#include "backend/engine/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace midpoint::engine {
namespace {

using testing::ElementsAre;

TEST(DealByCost, TheDearestFirst_GoesToWhoeverHasLeast)
{
    const std::vector<double> costs { 1.0, 8.0, 3.0, 5.0, 2.0 };
    EXPECT_THAT(dealByCost(costs, 2), ElementsAre(ElementsAre(1, 4), ElementsAre(0, 2, 3)));
    EXPECT_THAT(dealByCost(costs, 1), ElementsAre(ElementsAre(0, 1, 2, 3, 4)));
    EXPECT_THAT(dealByCost({}, 2), ElementsAre(testing::IsEmpty(), testing::IsEmpty()));
}

TEST(DealByCost, AnyCosts_AreDealtOnceAndWithinTheDearest)
{
    std::vector<double> costs;
    for (int i = 0; i < 50; ++i)
        costs.push_back(static_cast<double>((i * 37) % 23 + 1));
    for (std::int64_t ranks = 1; ranks <= 6; ++ranks) {
        std::vector<std::size_t> seen;
        std::vector<double> loads;
        for (const std::vector<std::size_t>& share : dealByCost(costs, ranks)) {
            loads.push_back(0.0);
            EXPECT_TRUE(std::is_sorted(share.begin(), share.end()));
            for (const std::size_t index : share) {
                loads.back() += costs[index];
                seen.push_back(index);
            }
        }
        std::sort(seen.begin(), seen.end());
        for (std::size_t i = 0; i < costs.size(); ++i)
            EXPECT_EQ(seen.at(i), i);
        EXPECT_LE(*std::max_element(loads.begin(), loads.end()) - *std::min_element(loads.begin(), loads.end()), 23.0);
    }
}

TEST(Wire, Groups_ComeBackWithEverythingInThem)
{
    Group group;
    group.prompt = 77;
    group.promptIndex = 5;
    group.purpose = Purpose::Explore;
    group.birthStep = 12;
    group.promptTokens = { 1, 2, 3 };
    Rollout rollout;
    rollout.tokens = { 9, 8 };
    rollout.logprobs = { -0.5F, -1.5F };
    rollout.finish = FinishReason::Length;
    rollout.verdict = Verdict::Truncated;
    rollout.reward = -0.25;
    rollout.rewardParts = { { "success", 0.0 }, { "overlong", -0.25 } };
    rollout.extracted = "4";
    rollout.rule = "none";
    rollout.text = std::string("a\0b", 3);
    group.rollouts = { rollout, {} };
    ByteWriter writer;
    putAll(writer, std::vector<Group> { group, {} });
    const std::string bytes = writer.take();
    ByteReader reader(bytes, "groups");
    const std::vector<Group> back = getAll(reader, getGroup);
    reader.expectEnd();
    ASSERT_EQ(back.size(), 2U);
    EXPECT_EQ(back[0].prompt, 77);
    EXPECT_EQ(back[0].promptIndex, 5);
    EXPECT_EQ(back[0].purpose, Purpose::Explore);
    EXPECT_EQ(back[0].birthStep, 12);
    EXPECT_EQ(back[0].promptTokens, group.promptTokens);
    ASSERT_EQ(back[0].rollouts.size(), 2U);
    const Rollout& found = back[0].rollouts[0];
    EXPECT_EQ(found.tokens, rollout.tokens);
    EXPECT_EQ(found.logprobs, rollout.logprobs);
    EXPECT_EQ(found.finish, rollout.finish);
    EXPECT_EQ(found.verdict, rollout.verdict);
    EXPECT_EQ(found.reward, rollout.reward);
    EXPECT_EQ(found.rewardParts, rollout.rewardParts);
    EXPECT_EQ(found.extracted, rollout.extracted);
    EXPECT_EQ(found.rule, rollout.rule);
    EXPECT_EQ(found.text, rollout.text);
}

TEST(StepTimes, WaitsOfAllRanks_ArePhasesOfTheirOwn)
{
    StepOutcome outcome;
    outcome.phases = { { "generate", 0.5, 2.0, 0.75 }, { "update", 2.5, 1.0, 0.0 } };
    outcome.timesOfOthers = { { 1, "generate", 0.5, 2.0, 0 }, { 1, "wait", 2.5, 0.1, 0 } };
    const std::vector<store::PhaseTiming> timings = phaseTimings(outcome, 7);
    std::vector<std::string> lines;
    for (const store::PhaseTiming& time : timings)
        lines.push_back(concat(time.step, " rank ", time.rank, " ", time.phase, " ", time.startSeconds, " + ", time.seconds));
    EXPECT_THAT(lines, ElementsAre("7 rank 0 generate 0.5 + 1.25", "7 rank 0 wait 1.75 + 0.75", "7 rank 0 update 2.5 + 1",
                           "7 rank 1 generate 0.5 + 2", "7 rank 1 wait 2.5 + 0.1"));
}

TEST(Wire, RequestsAndRows_ComeBackWithEverythingInThem)
{
    const PoolPrompt prompt { .id = 4, .index = 2, .question = "q", .answer = "a", .source = "s", .tokens = { 5, 6 } };
    ByteWriter writer;
    put(writer, RollRequest { .prompt = &prompt, .purpose = Purpose::Reference, .samples = 3, .firstSample = 5, .expectedTokens = 7.5 });
    rollout::SamplingOptions sampling;
    sampling.seed = 11;
    sampling.temperature = 0.6;
    sampling.topK = 4;
    sampling.topP = 0.9;
    sampling.maxNewTokens = 33;
    sampling.ignoresEndTokens = true;
    sampling.extraEndTokens = { 1 };
    put(writer, sampling);
    policy::TrainGroup group { .id = 3, .promptTokens = { 1 }, .rows = {} };
    group.isReplayed = true;
    group.isCarried = true;
    group.rows.push_back({ .tokens = { 1, 2 }, .behaviourLogprobs = { -1.0F, -2.0F }, .oldLogprobs = { -3.0F, -4.0F },
        .referenceLogprobs = { -5.0F, -6.0F }, .tokenWeights = { 0.0F, 1.0F }, .advantage = -0.5 });
    put(writer, group);
    const std::string bytes = writer.take();
    ByteReader reader(bytes, "order");
    const ReceivedRequest request = getRequest(reader);
    EXPECT_EQ(request.prompt.id, 4);
    EXPECT_EQ(request.prompt.index, 2);
    EXPECT_EQ(request.prompt.question, "q");
    EXPECT_EQ(request.prompt.answer, "a");
    EXPECT_EQ(request.prompt.tokens, prompt.tokens);
    EXPECT_EQ(request.request.purpose, Purpose::Reference);
    EXPECT_EQ(request.request.samples, 3);
    EXPECT_EQ(request.request.firstSample, 5);
    EXPECT_EQ(request.request.expectedTokens, 7.5);
    const rollout::SamplingOptions options = getSampling(reader);
    EXPECT_EQ(options.seed, 11U);
    EXPECT_EQ(options.temperature, 0.6);
    EXPECT_EQ(options.topK, 4);
    EXPECT_EQ(options.topP, 0.9);
    EXPECT_EQ(options.maxNewTokens, 33);
    EXPECT_TRUE(options.ignoresEndTokens);
    EXPECT_EQ(options.extraEndTokens, sampling.extraEndTokens);
    const policy::TrainGroup rows = getTrainGroup(reader);
    reader.expectEnd();
    EXPECT_EQ(rows.id, 3);
    EXPECT_TRUE(rows.isReplayed && rows.isCarried);
    ASSERT_EQ(rows.rows.size(), 1U);
    EXPECT_EQ(rows.rows[0].tokens, group.rows[0].tokens);
    EXPECT_EQ(rows.rows[0].behaviourLogprobs, group.rows[0].behaviourLogprobs);
    EXPECT_EQ(rows.rows[0].oldLogprobs, group.rows[0].oldLogprobs);
    EXPECT_EQ(rows.rows[0].referenceLogprobs, group.rows[0].referenceLogprobs);
    EXPECT_EQ(rows.rows[0].tokenWeights, group.rows[0].tokenWeights);
    EXPECT_EQ(rows.rows[0].advantage, -0.5);
}

} // namespace
} // namespace midpoint::engine
