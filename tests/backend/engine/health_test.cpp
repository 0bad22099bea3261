#include "backend/engine/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace midpoint::engine;
using testing::HasSubstr;

namespace {

HealthFacts healthyFacts()
{
    HealthFacts facts;
    facts.rollouts = 80;
    facts.groups = 10;
    facts.groupsWithSignal = 4;
    facts.allWrong = 3;
    facts.allCorrect = 3;
    facts.maxNewTokens = 46;
    facts.logprobDifferenceLimit = 2e-3;
    facts.entropy = 0.5;
    return facts;
}

std::vector<std::string> rulesOf(const std::vector<midpoint::store::Event>& events)
{
    std::vector<std::string> rules;
    for (const auto& event : events)
        rules.push_back(event.rule);
    return rules;
}

} // namespace

TEST(HealthRules, Look_HealthyStep_IsQuiet)
{
    HealthRules rules { {} };
    EXPECT_TRUE(rules.look(healthyFacts(), 1).empty());
    EXPECT_TRUE(rules.active().empty());
}

TEST(HealthRules, Look_DynamicSamplingRunsOutOfRounds_NamesTheCap)
{
    HealthRules rules { {} };
    HealthFacts facts = healthyFacts();
    facts.maxRounds = 3;
    facts.rounds = 3;
    facts.groupsAsked = 16;
    facts.groupsGot = 11;
    const auto events = rules.look(facts, 1);
    ASSERT_THAT(rulesOf(events), testing::ElementsAre("dynamic_sampling_cap"));
    EXPECT_THAT(events.front().message, HasSubstr("11 of 16 groups with signal among 10 prompts in 3 rounds"));
    EXPECT_THAT(events.front().message, HasSubstr("selection.max_rounds = 3"));
    facts.rounds = 2; // the pool ended first
    HealthRules other { {} };
    EXPECT_THAT(other.look(facts, 1).front().message, HasSubstr("pool has no more prompts"));
    facts.groupsGot = 16;
    EXPECT_TRUE(HealthRules { {} }.look(facts, 1).empty());
}

TEST(HealthRules, Look_ConditionLasts_SpeaksOnceAndAgainAfterItEnded)
{
    HealthRules rules { {} };
    HealthFacts cut = healthyFacts();
    cut.truncated = 60;
    EXPECT_THAT(rulesOf(rules.look(cut, 1)), testing::ElementsAre("truncation"));
    EXPECT_TRUE(rules.look(cut, 2).empty());
    EXPECT_TRUE(rules.look(healthyFacts(), 3).empty());
    EXPECT_THAT(rulesOf(rules.look(cut, 4)), testing::ElementsAre("truncation"));
}

TEST(HealthRules, Look_RestoredActiveRules_DoesNotRepeat)
{
    HealthRules first { {} };
    HealthFacts cut = healthyFacts();
    cut.truncated = 60;
    first.look(cut, 1);
    HealthRules resumed { {} };
    resumed.setActive(first.active());
    EXPECT_TRUE(resumed.look(cut, 2).empty());
}

TEST(HealthRules, Look_Truncation_NamesKeyAndShare)
{
    HealthRules rules { {} };
    HealthFacts cut = healthyFacts();
    cut.truncated = 60;
    const auto events = rules.look(cut, 7);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].step, 7);
    EXPECT_THAT(events[0].message, testing::AllOf(HasSubstr("75 %"), HasSubstr("rollout.max_new_tokens = 46")));
}

TEST(HealthRules, Look_EveryOtherCondition_HasItsRule)
{
    struct Case {
        const char* rule;
        void (*spoil)(HealthFacts&);
    };
    const Case cases[] = {
        { "non_finite", [](HealthFacts& f) { f.skippedUpdates = 1; } },
        { "unparseable", [](HealthFacts& f) { f.unparseable = 79; } },
        { "grader_failed", [](HealthFacts& f) { f.graderFailed = 1; } },
        { "no_signal", [](HealthFacts& f) { f.groupsWithSignal = 0; } },
        { "entropy_collapse", [](HealthFacts& f) { f.entropy = 0.001; } },
        { "stale_replay", [](HealthFacts& f) { f.replayedGroups = 4; f.replayMeanAge = 30; } },
        { "replay_weights", [](HealthFacts& f) { f.replayedGroups = 4; f.effectiveSampleShare = 0.1; } },
        { "replay_short", [](HealthFacts& f) { f.replayMissing = 2; } },
        { "logprob_difference", [](HealthFacts& f) { f.logprobDifferenceMean = 0.01; } },
    };
    for (const Case& one : cases) {
        HealthFacts facts = healthyFacts();
        one.spoil(facts);
        HealthRules rules { {} };
        EXPECT_THAT(rulesOf(rules.look(facts, 1)), testing::ElementsAre(one.rule));
    }
}

TEST(FirstBatchReport, AllWrong_NamesTheCause)
{
    HealthFacts facts = healthyFacts();
    facts.groupsWithSignal = 0;
    facts.allWrong = 10;
    facts.allCorrect = 0;
    const auto lines = firstBatchReport(facts);
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_THAT(lines[1], HasSubstr("never solved"));
}

TEST(FirstBatchReport, Healthy_IsOneLine) { EXPECT_EQ(firstBatchReport(healthyFacts()).size(), 1U); }
