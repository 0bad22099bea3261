#include "backend/config/schema.h"

#include "backend/core/text.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <set>

namespace midpoint::config {
namespace {

TEST(Schema, EverySetting_DefaultFitsItsRange)
{
    for (const Setting& setting : schema())
        EXPECT_TRUE(isInRange(setting, setting.defaultValue)) << setting.key << " expects " << expectation(setting);
}

TEST(Schema, EverySetting_WriteThenReadGivesTheValueAndNothingElseChanges)
{
    for (const Setting& setting : schema()) {
        Value changed = setting.defaultValue;
        if (auto* boolean = std::get_if<bool>(&changed))
            *boolean = !*boolean;
        else if (auto* integer = std::get_if<std::int64_t>(&changed))
            *integer += 1;
        else if (auto* number = std::get_if<double>(&changed))
            *number += 1.0;
        else if (auto* text = std::get_if<std::string>(&changed))
            *text += "x";
        else
            std::get<std::vector<std::string>>(changed).push_back("x");
        RunConfig config;
        setting.write(config, changed);
        for (const Setting& other : schema())
            EXPECT_EQ(other.read(config), other.key == setting.key ? changed : other.defaultValue) << setting.key << other.key;
    }
}

TEST(Schema, Names_AreUniqueExceptAliasesThatYield)
{
    std::set<std::string> keys;
    for (const Setting& setting : schema())
        EXPECT_TRUE(keys.insert(setting.key).second) << setting.key;
    std::set<std::string> direct;
    for (const Setting& setting : schema())
        for (const Alias& alias : setting.aliases) {
            EXPECT_EQ(keys.count(alias.name), 0U) << alias.name << " is a key";
            if (!alias.yields) {
                EXPECT_TRUE(direct.insert(alias.name).second) << alias.name;
            }
        }
}

TEST(Schema, AliasMeanings_AreValuesOfTheSetting)
{
    for (const Setting& setting : schema())
        for (const Alias& alias : setting.aliases)
            for (const auto& [found, meant] : alias.meanings) {
                const auto value = parseValue(setting.type, meant);
                ASSERT_TRUE(value) << alias.name << " " << found;
                EXPECT_TRUE(isInRange(setting, *value)) << alias.name << " " << found;
            }
}

TEST(Schema, SettingsNamed_VerlPrefix_IsIgnored)
{
    const auto named = settingsNamed("actor_rollout_ref.actor.optim.lr");
    ASSERT_EQ(named.size(), 1U);
    EXPECT_EQ(named.front().setting->key, "optimizer.learning_rate");
}

TEST(Schema, NamesOfPeersAndPaper_StandForTheirSettings)
{
    const std::pair<const char*, const char*> expected[] = {
        { "data.train_batch_size", "batch.prompts_per_step" }, { "rollout.n", "rollout.samples_per_prompt" },
        { "num_generations", "rollout.samples_per_prompt" }, { "actor.ppo_mini_batch_size", "batch.prompts_per_update" },
        { "actor.ppo_max_token_len_per_gpu", "batch.tokens_per_microbatch" }, { "data.max_prompt_length", "data.max_prompt_tokens" },
        { "data.max_response_length", "rollout.max_new_tokens" }, { "max_completion_length", "rollout.max_new_tokens" },
        { "actor.optim.lr", "optimizer.learning_rate" }, { "actor.clip_ratio_low", "policy.clip_low" },
        { "actor.clip_ratio_high", "policy.clip_high" }, { "epsilon_high", "policy.clip_high" },
        { "actor.kl_loss_coef", "policy.kl_coefficient" }, { "beta", "policy.kl_coefficient" },
        { "actor.entropy_coeff", "policy.entropy_coefficient" }, { "actor.loss_agg_mode", "policy.aggregation" },
        { "loss_type", "policy.aggregation" }, { "algorithm.adv_estimator", "policy.advantage" },
        { "algorithm.norm_adv_by_std_in_grpo", "policy.advantage" }, { "scale_rewards", "policy.advantage" },
        { "algorithm.filter_groups.enable", "policy.drop_groups_without_signal" },
        { "algorithm.rollout_is_threshold", "replay.weight_cap" }, { "trainer.save_freq", "checkpoint.every_steps" },
        { "trainer.test_freq", "eval.every_steps" }, { "model.enable_gradient_checkpointing", "model.activation_checkpointing" },
        { "alpha", "selection.target" }, { "data.alpha", "selection.target" }, { "dots.target", "selection.target" },
        { "tau", "selection.temperature" }, { "data.tau", "selection.temperature" }, { "mu", "selection.interval_steps" },
        { "data.mu", "selection.interval_steps" }, { "ref_size", "selection.reference_prompts" },
        { "data.ref_size", "selection.reference_prompts" }, { "sigma", "replay.fresh_fraction" },
        { "data.sigma", "replay.fresh_fraction" }, { "buffer_size", "replay.capacity" }, { "data.buffer_size", "replay.capacity" },
        { "data.random_selection", "selection.strategy" },
    };
    for (const auto& [name, key] : expected) {
        const auto named = settingsNamed(name);
        ASSERT_FALSE(named.empty()) << name;
        EXPECT_EQ(named.front().setting->key, key) << name;
    }
}

TEST(Schema, UnknownName_NearKey_NamesTheKey)
{
    EXPECT_EQ(unknownNameMessage("rollout.temprature"), "unknown key 'rollout.temprature'; did you mean 'rollout.temperature'?");
}

TEST(Schema, UnknownName_NameOfAnotherSystem_SaysWhatTakesItsPlace)
{
    EXPECT_THAT(unknownNameMessage("trainer.n_gpus_per_node"), testing::HasSubstr("run.devices"));
}

TEST(Schema, UnknownName_NothingNear_PointsAtTheHelp)
{
    EXPECT_THAT(unknownNameMessage("zzzzqqqq"), testing::HasSubstr("--help"));
}

TEST(Schema, Expectation_TellsTypeRangeAndChoices)
{
    EXPECT_EQ(expectation(*findSetting("selection.target")), "a number from 0 to 1");
    EXPECT_EQ(expectation(*findSetting("rollout.temperature")), "a number above 0");
    EXPECT_EQ(expectation(*findSetting("optimizer.beta1")), "a number of at least 0 and below 1");
    EXPECT_EQ(expectation(*findSetting("policy.advantage")), "one of grpo, dr_grpo, rloo");
    EXPECT_EQ(expectation(*findSetting("replay.enabled")), "true or false");
}

TEST(Schema, HelpText_NamesEverySettingWithItsHelp)
{
    const std::string help = helpText();
    for (const Setting& setting : schema()) {
        EXPECT_THAT(help, testing::HasSubstr(setting.key));
        EXPECT_THAT(help, testing::HasSubstr(setting.help));
        EXPECT_FALSE(setting.help.empty()) << setting.key;
    }
}

TEST(Schema, HelpTextOfSections_NamesTheirSettingsAlone)
{
    const std::string help = helpText({ "reward", "eval" });
    for (const Setting& setting : schema()) {
        const bool isWanted = setting.section() == "reward" || setting.section() == "eval";
        EXPECT_EQ(help.find("  " + setting.key + " = ") != std::string::npos, isWanted) << setting.key;
    }
}

TEST(Schema, Json_HasOneEntryPerSetting)
{
    const nlohmann::json settings = nlohmann::json::parse(schemaJson());
    ASSERT_EQ(settings.size(), schema().size());
    EXPECT_EQ(settings[0]["key"], "run.name");
    for (const auto& entry : settings)
        if (entry["key"] == "selection.target") {
            EXPECT_EQ(entry["minimum"], 0.0);
            EXPECT_EQ(entry["default"], 0.5);
            EXPECT_EQ(entry["type"], "number");
        }
}

TEST(Value, Toml_ReadsBackAsTheSameValue)
{
    const std::vector<Value> values = { true, std::int64_t { -7 }, 1.0, 1e-6, 0.1, std::string("a \"b\" \\ \n\t\x01 é"),
        std::vector<std::string> { "x, y", "" }, std::vector<std::string> {} };
    for (const Value& value : values) {
        const auto back = parseValue(typeOf(value), toToml(value));
        ASSERT_TRUE(back) << toToml(value);
        EXPECT_EQ(*back, value) << toToml(value);
    }
}

TEST(Value, ParseValue_WrongText_IsNothing)
{
    EXPECT_FALSE(parseValue(ValueType::Integer, "8.5"));
    EXPECT_FALSE(parseValue(ValueType::Integer, ""));
    EXPECT_FALSE(parseValue(ValueType::Integer, "8x"));
    EXPECT_FALSE(parseValue(ValueType::Integer, "99999999999999999999"));
    EXPECT_FALSE(parseValue(ValueType::Number, "fast"));
    EXPECT_FALSE(parseValue(ValueType::Boolean, "yes"));
    EXPECT_FALSE(parseValue(ValueType::TextList, "[1, 2]"));
    EXPECT_FALSE(parseValue(ValueType::TextList, "[\"a\""));
}

TEST(Value, ParseValue_ListWithCommas_IsSplit)
{
    EXPECT_EQ(parseValue(ValueType::TextList, "a.jsonl, b.jsonl"), Value(std::vector<std::string> { "a.jsonl", "b.jsonl" }));
}

} // namespace
} // namespace midpoint::config
