#include "backend/model/model_config.h"

#include "backend/core/error.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <numbers>

namespace midpoint::model {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

Json llama()
{
    return Json::parse(R"({"architectures":["LlamaForCausalLM"],"vocab_size":100,"hidden_size":64,"intermediate_size":96,
        "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"max_position_embeddings":128,
        "hidden_act":"silu","rms_norm_eps":1e-5,"rope_theta":50000.0,"tie_word_embeddings":true,"eos_token_id":[2,5]})");
}

std::string problemOf(const Json& json)
{
    try {
        parseModelConfig(json.dump(), "x/config.json");
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Model);
        EXPECT_THAT(error.what(), HasSubstr("x/config.json"));
        return error.what();
    }
    return "no error";
}

std::string problemWith(const std::string& key, const Json& value)
{
    Json json = llama();
    json[key] = value;
    return problemOf(json);
}

TEST(ModelConfig, Parse_TransformersFour_ReadsEverything)
{
    const ModelConfig config = parseModelConfig(llama().dump(), "x");
    EXPECT_EQ(config.architecture, Architecture::Llama);
    EXPECT_EQ(config.headDimension, 16);
    EXPECT_EQ(config.kvHeadCount, 2);
    EXPECT_TRUE(config.isTied);
    EXPECT_FALSE(config.hasQkvBias);
    EXPECT_DOUBLE_EQ(config.rotary.theta, 50000.0);
    EXPECT_DOUBLE_EQ(config.rmsNormEpsilon, 1e-5);
    EXPECT_THAT(config.endTokens, ElementsAre(2, 5));
}

TEST(ModelConfig, Parse_TransformersFive_ReadsThetaInRopeParameters)
{
    Json json = llama();
    json.erase("rope_theta");
    json["rope_parameters"] = { { "rope_type", "default" }, { "rope_theta", 7000.0 } };
    EXPECT_DOUBLE_EQ(parseModelConfig(json.dump(), "x").rotary.theta, 7000.0);
}

TEST(ModelConfig, Parse_BiasFlags_DependOnTheArchitecture)
{
    Json json = llama();
    json["attention_bias"] = true;
    json["mlp_bias"] = true;
    ModelConfig config = parseModelConfig(json.dump(), "x");
    EXPECT_TRUE(config.hasQkvBias && config.hasAttentionOutputBias && config.hasMlpBias);
    json["architectures"] = { "Qwen2ForCausalLM" };
    config = parseModelConfig(json.dump(), "x");
    EXPECT_TRUE(config.hasQkvBias);
    EXPECT_FALSE(config.hasAttentionOutputBias || config.hasMlpBias || config.hasQueryKeyNorm);
    json["architectures"] = { "Qwen3ForCausalLM" };
    config = parseModelConfig(json.dump(), "x");
    EXPECT_TRUE(config.hasQueryKeyNorm && config.hasAttentionOutputBias);
    EXPECT_EQ(config.headDimension, 128); // the default of transformers, whatever hidden_size
}

TEST(ModelConfig, Parse_UnsupportedModel_NamesKeyExpectedAndFound)
{
    EXPECT_THAT(problemWith("architectures", { "MambaForCausalLM" }),
        testing::AllOf(HasSubstr("'architectures'"), HasSubstr("Qwen3ForCausalLM"), HasSubstr("MambaForCausalLM")));
    EXPECT_THAT(problemWith("hidden_act", "gelu"), testing::AllOf(HasSubstr("'hidden_act'"), HasSubstr("silu"), HasSubstr("gelu")));
    EXPECT_THAT(problemWith("use_sliding_window", true), HasSubstr("'use_sliding_window': expected false"));
    EXPECT_THAT(problemWith("layer_types", { "full_attention", "sliding_attention" }), HasSubstr("sliding_attention"));
    EXPECT_THAT(problemWith("quantization_config", { { "bits", 4 } }), HasSubstr("quantization_config"));
    EXPECT_THAT(problemWith("rope_scaling", { { "type", "yarn" }, { "factor", 2.0 } }), HasSubstr("'rope_scaling.type'"));
    EXPECT_THAT(problemWith("partial_rotary_factor", 0.5), HasSubstr("'partial_rotary_factor': expected 1"));
}

TEST(ModelConfig, Parse_WrongValue_NamesKeyExpectedAndFound)
{
    Json json = llama();
    json.erase("hidden_size");
    EXPECT_THAT(problemOf(json), HasSubstr("the key 'hidden_size' is missing"));
    EXPECT_THAT(problemWith("vocab_size", "many"), HasSubstr("'vocab_size': expected a whole number from 1 to"));
    EXPECT_THAT(problemWith("num_hidden_layers", 0), HasSubstr("'num_hidden_layers'"));
    EXPECT_THAT(problemWith("num_hidden_layers", -3), HasSubstr("found -3"));
    EXPECT_THAT(problemWith("num_key_value_heads", 3), HasSubstr("a divisor of num_attention_heads = 4, found 3"));
    EXPECT_THAT(problemWith("num_attention_heads", 6), HasSubstr("'hidden_size': expected a multiple"));
    EXPECT_THAT(problemWith("head_dim", 15), HasSubstr("even"));
    EXPECT_THAT(problemWith("rms_norm_eps", 0), HasSubstr("'rms_norm_eps': expected a number above 0"));
    EXPECT_THAT(problemWith("tie_word_embeddings", "yes"), HasSubstr("true or false"));
    EXPECT_THAT(problemWith("eos_token_id", "end"), HasSubstr("'eos_token_id'"));
    EXPECT_THAT(problemWith("rope_scaling", { { "rope_type", "llama3" } }), HasSubstr("'rope_scaling.factor' is missing"));
    EXPECT_THROW(parseModelConfig("{", "x"), Error);
    EXPECT_THROW(parseModelConfig("3", "x"), Error);
}

TEST(ModelConfig, Load_GenerationConfig_GivesTheEndTokens)
{
    const test::TemporaryFolder folder;
    test::write(folder / "config.json", llama().dump());
    EXPECT_THAT(loadModelConfig(folder.path()).endTokens, ElementsAre(2, 5));
    test::write(folder / "generation_config.json", R"({"eos_token_id": 7})");
    EXPECT_THAT(loadModelConfig(folder.path()).endTokens, ElementsAre(7));
    test::write(folder / "generation_config.json", R"({"eos_token_id": [7, 100]})");
    EXPECT_THROW(loadModelConfig(folder.path()), Error); // not in the vocabulary
    EXPECT_THROW(loadModelConfig(folder / "missing"), Error);
}

TEST(ModelConfig, WriteAndParse_ForEveryArchitecture_IsTheSame)
{
    for (const char* name : { "LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM" }) {
        Json json = llama();
        json["architectures"] = { name };
        json["head_dim"] = 32;
        json["rope_scaling"] = { { "rope_type", "llama3" }, { "factor", 8.0 }, { "low_freq_factor", 1.0 },
            { "high_freq_factor", 4.0 }, { "original_max_position_embeddings", 64 } };
        const ModelConfig config = parseModelConfig(json.dump(), "x");
        const ModelConfig again = parseModelConfig(writeModelConfig(config), "y");
        EXPECT_EQ(rotaryInverseFrequencies(again), rotaryInverseFrequencies(config));
        EXPECT_EQ(parameterCount(again), parameterCount(config));
        EXPECT_EQ(again.endTokens, config.endTokens);
        EXPECT_EQ(writeModelConfig(again), writeModelConfig(config));
    }
}

TEST(ModelConfig, RotaryFrequencies_Llama3_KeepShortWavesAndDivideLongOnes)
{
    ModelConfig config = parseModelConfig(llama().dump(), "x");
    const std::vector<double> plain = rotaryInverseFrequencies(config);
    config.rotary = { .theta = 50000.0, .scaling = RotaryScaling::Llama3, .factor = 8.0, .originalMaxPositions = 64 };
    const std::vector<double> scaled = rotaryInverseFrequencies(config);
    for (std::size_t i = 0; i < plain.size(); ++i) {
        const double wavelength = 2.0 * std::numbers::pi / plain[i];
        if (wavelength < 64.0 / 4.0)
            EXPECT_DOUBLE_EQ(scaled[i], plain[i]);
        else if (wavelength > 64.0)
            EXPECT_DOUBLE_EQ(scaled[i], plain[i] / 8.0);
        else
            EXPECT_TRUE(scaled[i] < plain[i] && scaled[i] > plain[i] / 8.0);
    }
    config.rotary.scaling = RotaryScaling::Linear;
    EXPECT_DOUBLE_EQ(rotaryInverseFrequencies(config)[3], plain[3] / 8.0);
}

} // namespace
} // namespace midpoint::model
