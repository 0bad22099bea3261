#include "backend/config/load.h"

#include "tests/backend/config/config_helpers.h"

#include <gmock/gmock.h>

namespace midpoint::config {
namespace {

using test::described;
using testing::IsEmpty;

RunConfig preset(const std::string& name)
{
    const ConfigReport report = test::readText(test::kInputs + "selection.predictor_path = \"p.safetensors\"\n", { "preset=" + name });
    EXPECT_THAT(described(report.problems), IsEmpty()) << name;
    return report.loaded.config;
}

TEST(Presets, Names_AreTheNine)
{
    EXPECT_THAT(presetNames(),
        testing::UnorderedElementsAre(
            "grpo", "dots", "dots-rr", "dots-released", "dots-rr-released", "dapo", "mopps", "snis", "midpoint"));
}

TEST(Presets, All_ShareThePublishedConstants)
{
    for (const std::string& name : presetNames()) {
        const RunConfig config = preset(name);
        EXPECT_EQ(config.batch.promptsPerStep, name == "midpoint" ? 256 : 512) << name;
        EXPECT_EQ(config.batch.promptsPerUpdate, 64) << name;
        EXPECT_EQ(config.rollout.samplesPerPrompt, 8) << name;
        EXPECT_EQ(config.rollout.maxNewTokens, 3072) << name;
        EXPECT_EQ(config.rollout.temperature, 0.6) << name;
        EXPECT_EQ(config.optimizer.learningRate, 1e-6) << name;
        EXPECT_EQ(config.optimizer.beta2, 0.999) << name;
        EXPECT_EQ(config.policy.clipLow, 0.2) << name;
        EXPECT_EQ(config.policy.clipHigh, name == "dapo" ? 0.28 : 0.2) << name;
        EXPECT_EQ(config.policy.dropGroupsWithoutSignal, name == "dapo" || name == "midpoint") << name;
        EXPECT_EQ(config.policy.klCoefficient, 0.0) << name;
        EXPECT_EQ(config.run.steps, 60) << name;
    }
}

TEST(Presets, Paper_FollowsThePaper)
{
    for (const char* name : { "grpo", "dots", "dots-rr" }) {
        const RunConfig config = preset(name);
        EXPECT_EQ(config.policy.advantage, "dr_grpo") << name;
        EXPECT_EQ(config.policy.aggregation, "seq-mean-token-mean") << name;
        EXPECT_EQ(config.policy.loss, "behaviour_ratio") << name;
        EXPECT_EQ(config.optimizer.weightDecay, 0.0) << name;
        EXPECT_EQ(config.rollout.topP, 0.95) << name;
    }
}

TEST(Presets, Released_FollowsTheReleasedCode)
{
    for (const char* name : { "dots-released", "dots-rr-released" }) {
        const RunConfig config = preset(name);
        EXPECT_EQ(config.policy.advantage, "grpo") << name;
        EXPECT_EQ(config.policy.aggregation, "token-mean") << name;
        EXPECT_EQ(config.policy.loss, "decoupled") << name;
        EXPECT_EQ(config.optimizer.weightDecay, 0.01) << name;
        EXPECT_EQ(config.rollout.topP, 1.0) << name;
        EXPECT_EQ(config.selection.calibration, "linear-unclamped") << name;
        EXPECT_FALSE(config.selection.reuseReference) << name;
    }
    EXPECT_EQ(preset("dots-rr-released").replay.rule, "released");
}

TEST(Presets, Dots_HasItsFourNumbersAndReplayOnlyInRr)
{
    for (const char* name : { "dots", "dots-rr", "dots-released", "dots-rr-released" }) {
        const RunConfig config = preset(name);
        EXPECT_EQ(config.selection.strategy, std::string(name).find("released") == std::string::npos ? "dots" : "dots-released") << name;
        EXPECT_EQ(config.selection.belief, "predictor") << name;
        EXPECT_EQ(config.selection.target, 0.5) << name;
        EXPECT_EQ(config.selection.temperature, 1e-3) << name;
        EXPECT_EQ(config.selection.intervalSteps, 2) << name;
        EXPECT_EQ(config.selection.referencePrompts, 256) << name;
        EXPECT_EQ(config.replay.enabled, std::string(name).find("rr") != std::string::npos) << name;
    }
    EXPECT_EQ(preset("dots-rr").replay.freshFraction, 0.5);
    EXPECT_EQ(preset("dots-rr").replay.capacity, 512);
    EXPECT_EQ(preset("grpo").selection.strategy, "uniform");
}

TEST(Presets, Competitors_DifferInStrategyAndBelief)
{
    EXPECT_EQ(preset("dapo").selection.strategy, "dynamic-sampling");
    EXPECT_EQ(preset("dapo").selection.generationPrompts, 1536);
    EXPECT_EQ(preset("mopps").selection.strategy, "mopps");
    EXPECT_EQ(preset("mopps").selection.belief, "posterior");
    EXPECT_EQ(preset("snis").selection.belief, "snis");
    EXPECT_TRUE(preset("snis").replay.enabled) << "without replay there are no importance weights";
    EXPECT_FALSE(preset("snis").replay.positiveOnly) << "positive rows alone say nothing about the rate";
    EXPECT_EQ(preset("midpoint").selection.strategy, "midpoint");
    EXPECT_EQ(preset("midpoint").selection.belief, "midpoint");
}

} // namespace
} // namespace midpoint::config
