#include "backend/config/checks.h"

#include "backend/core/error.h"
#include "tests/backend/config/config_helpers.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>

namespace midpoint::config {
namespace {

using test::described;
using test::problemsOf;
using test::readText;
using test::warningsOf;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Arithmetic, Defaults_Fit)
{
    EXPECT_THAT(problemsOf(""), IsEmpty());
}

TEST(Arithmetic, Inputs_Missing_AreNamed)
{
    EXPECT_THAT(described(readText("").problems), ElementsAre(HasSubstr("model.path: is not set"), HasSubstr("data.train_files: is not set")));
}

struct BadSum {
    const char* text;
    const char* message;
};
class ArithmeticProblem : public testing::TestWithParam<BadSum> {};

TEST_P(ArithmeticProblem, Read_ShowsTheSum)
{
    EXPECT_THAT(problemsOf(GetParam().text), ElementsAre(HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(All, ArithmeticProblem, testing::Values(
    BadSum { "batch.prompts_per_update = 12\n",
        "demo.toml:3: batch.prompts_per_update: expected a divisor of batch.prompts_per_step = 32, found 12: 32 = 2 x 12 + 8" },
    BadSum { "batch.prompts_per_update = 64\n", "expected at most batch.prompts_per_step = 32, found 64" },
    BadSum { "batch.rows_per_update = 257\n", "32 x 8 = 256, found 257" },
    BadSum { "batch.min_rows_per_update = 65\n", "8 x 8 = 64, found 65" },
    BadSum { "batch.rows_per_update = 16\nbatch.min_rows_per_update = 17\n", "batch.rows_per_update = 16, found 17" },
    BadSum { "batch.tokens_per_microbatch = 2047\n", "1024 + 1024 = 2048, found 2047" },
    BadSum { "rollout.max_sequences = 7\n", "rollout.samples_per_prompt = 8" },
    BadSum { "rollout.kv_block_tokens = 64\ndata.max_prompt_tokens = 16\nrollout.max_new_tokens = 46\n", "16 + 46 = 62, found 64" },
    BadSum { "replay.enabled = true\nreplay.fresh_fraction = 0.01\n", "0.01 x 32 = 0.32: 0 fresh and 32 replayed groups" },
    BadSum { "replay.enabled = true\nreplay.capacity = 15\n", "found 15; replay.fresh_fraction x batch.prompts_per_step = 0.5 x 32 = 16.00" },
    BadSum { "selection.strategy = \"dots\"\n", "`midpoint predictor embed`, `midpoint eval --labels` and `midpoint predictor train`" },
    BadSum { "rollout.screen_samples = 1\n", "one reward never differs from itself" },
    BadSum { "rollout.screen_samples = 8\n", "fewer than rollout.samples_per_prompt = 8, found 8" },
    BadSum { "selection.midpoint_parts = [\"luck\"]\n", "expected embeddings, counts, importance, drift, signal or length, found 'luck'" },
    BadSum { "run.devices = []\n", "at least one device" },
    BadSum { "run.devices = [\"gpu\"]\n", "expected \"cpu\" or \"cuda:N\", found 'gpu'" },
    BadSum { "run.devices = [\"cuda:\"]\n", "found 'cuda:'" },
    BadSum { "run.devices = [\"cuda:0\", \"cuda:0\"]\n", "listed twice" },
    BadSum { "run.devices = [\"cuda:0\", \"cpu\"]\n", "found both" },
    BadSum { "run.name = \"a/b\"\n", "found 'a/b'" },
    BadSum { "data.prompt_template = \"own\"\n", "a text with {question}" },
    BadSum { "reward.kind = \"regex\"\n", "reward.pattern: is not set" },
    BadSum { "reward.kind = \"external\"\n", "reward.external_command: is not set" },
    BadSum { "reward.overlong_buffer_tokens = 1025\n", "rollout.max_new_tokens = 1024, found 1025" },
    BadSum { "optimizer.schedule = \"cosine\"\noptimizer.warmup_steps = 60\n", "run.steps = 60" }));

class ArithmeticWarning : public testing::TestWithParam<BadSum> {};

TEST_P(ArithmeticWarning, Read_IsLegalAndSaysSo)
{
    EXPECT_THAT(problemsOf(GetParam().text), IsEmpty());
    EXPECT_THAT(warningsOf(GetParam().text), Contains(HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(All, ArithmeticWarning, testing::Values(
    BadSum { "", "data.val_files: is not set" },
    BadSum { "replay.enabled = true\nreplay.rule = \"released\"\nreplay.capacity = 20\n", "20 - 16 = 4 older groups, fewer than the 16" },
    BadSum { "replay.enabled = true\nreplay.fresh_fraction = 1\n", "nothing will be replayed" },
    BadSum { "replay.enabled = true\nreplay.fresh_fraction = 0.25\nreplay.max_age_steps = 2\n", "2 steps x 8 fresh groups = 16" },
    BadSum { "replay.enabled = true\nreplay.weight_cap = 2\npolicy.loss = \"behaviour_ratio\"\n", "replay.weight_cap: has no effect" },
    BadSum { "selection.strategy = \"dots\"\nselection.belief = \"posterior\"\nselection.exploration_share = 0.01\n", "0.01 x 32 fresh groups x 2 steps = 0.64" },
    BadSum { "eval.temperature = 0\neval.samples_per_prompt = 2\n", "all 2 responses will be the same" },
    BadSum { "store.rollouts_per_step = 4\n", "so 4 stores none" },
    BadSum { "optimizer.warmup_steps = 100\n", "until step 100 of a run of 60 steps" }));

TEST(Arithmetic, FreshGroups_AreRoundedDownAndReplayFillsTheStep)
{
    RunConfig config;
    config.batch.promptsPerStep = 24;
    EXPECT_EQ(freshGroupsPerStep(config), 24);
    EXPECT_EQ(replayedGroupsPerStep(config), 0);
    config.replay.enabled = true;
    config.replay.freshFraction = 0.67;
    EXPECT_EQ(freshGroupsPerStep(config), 16);
    EXPECT_EQ(replayedGroupsPerStep(config), 8);
    config.batch.promptsPerStep = 10;
    config.replay.freshFraction = 0.3; // 0.3 x 10 is a little below 3 in binary
    EXPECT_EQ(freshGroupsPerStep(config), 3);
}

// A folder with everything that a configuration can name.
class Files : public testing::Test {
protected:
    Files()
    {
        std::filesystem::create_directories(m_folder / "model");
        midpoint::test::write(m_folder / "model/config.json",
            R"({"num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 128, "max_position_embeddings": 256})");
        midpoint::test::write(m_folder / "model/tokenizer.json", "{}");
        midpoint::test::write(m_folder / "model/model.safetensors", "x");
        midpoint::test::write(m_folder / "train.jsonl", "{}\n");
        midpoint::test::write(m_folder / "run.toml", test::kInputs);
    }
    std::vector<std::string> problems(const std::vector<std::string>& overrides = {})
    {
        return described(checkFiles(loadConfig(m_folder / "run.toml", overrides)).problems);
    }
    midpoint::test::TemporaryFolder m_folder;
};

TEST_F(Files, AllThere_NoProblem)
{
    EXPECT_THAT(problems({ "rollout.max_new_tokens=46", "data.max_prompt_tokens=64" }), IsEmpty());
}

TEST_F(Files, DataMissing_NamesFileAndLine)
{
    std::filesystem::remove(m_folder / "train.jsonl");
    EXPECT_THAT(problems(), ElementsAre(AllOf(HasSubstr("run.toml:2: data.train_files: missing: "), HasSubstr("/train.jsonl"))));
}

TEST_F(Files, DataOfUnknownKind_IsAProblem)
{
    EXPECT_THAT(problems({ "data.val_files=/x/held.csv" }), ElementsAre(HasSubstr("expected a .jsonl or .parquet file, found /x/held.csv")));
}

TEST_F(Files, ModelParts_EachMissingOneIsNamed)
{
    std::filesystem::remove(m_folder / "model/tokenizer.json");
    std::filesystem::remove(m_folder / "model/model.safetensors");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("model/tokenizer.json"), HasSubstr("model/model.safetensors")));
    std::filesystem::remove_all(m_folder / "model");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("model.path: missing: ")));
}

TEST_F(Files, ModelConfig_NotJson_IsAProblem)
{
    midpoint::test::write(m_folder / "model/config.json", "[1");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("expected a JSON object in ")));
    midpoint::test::write(m_folder / "model/config.json", "{}");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("expected num_hidden_layers, num_attention_heads and hidden_size")));
}

TEST_F(Files, CacheBudget_TooSmallForOneSequence_ShowsTheSum)
{
    EXPECT_THAT(problems({ "rollout.kv_cache_megabytes=2", "data.max_prompt_tokens=1024", "rollout.max_new_tokens=1024" }),
        ElementsAre(AllOf(HasSubstr("2048 tokens in blocks of 16 at 1536 bytes per token (2 x 3 layers x 2 heads x 32 x 4 bytes) = 3.1 MB"),
            HasSubstr("found 2 MB"))));
}

TEST_F(Files, LongerThanTheModelsPositions_IsAWarning)
{
    const FileFindings findings = checkFiles(loadConfig(m_folder / "run.toml"));
    EXPECT_THAT(described(findings.warnings), ElementsAre(HasSubstr("1024 + 1024 = 2048 is more than the model's max_position_embeddings = 256")));
}

TEST_F(Files, PredictorMissing_NamesTheCommand)
{
    EXPECT_THAT(problems({ "selection.strategy=dots", "selection.predictor_path=/x/p.safetensors" }),
        ElementsAre(AllOf(HasSubstr("missing: /x/p.safetensors"), HasSubstr("`midpoint predictor train`"))));
}

TEST_F(Files, ExternalProgram_MissingInPathOrFolder_IsAProblem)
{
    EXPECT_THAT(problems({ "reward.kind=external", "reward.external_command=no-such-program-here" }), ElementsAre(HasSubstr("in no folder of PATH")));
    EXPECT_THAT(problems({ "reward.kind=external", "reward.external_command=/x/y" }), ElementsAre(HasSubstr("not executable: /x/y")));
    EXPECT_THAT(problems({ "reward.kind=external", "reward.external_command=sh" }), IsEmpty());
}

TEST_F(Files, Require_ThrowsConfigErrorWithAll)
{
    std::filesystem::remove(m_folder / "train.jsonl");
    std::filesystem::remove(m_folder / "model/tokenizer.json");
    try {
        requireFiles(loadConfig(m_folder / "run.toml"));
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Config);
        EXPECT_THAT(error.what(), AllOf(HasSubstr("2 problems"), HasSubstr("train.jsonl"), HasSubstr("tokenizer.json")));
    }
}

} // namespace
} // namespace midpoint::config
