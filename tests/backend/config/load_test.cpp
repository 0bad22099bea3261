#include "backend/config/load.h"

#include "backend/core/error.h"
#include "tests/backend/config/config_helpers.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>

namespace midpoint::config {
namespace {

using test::described;
using test::problemsOf;
using test::readText;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Load, Text_EveryKindOfValue_IsRead)
{
    const ConfigReport report = readText(R"(
[model]
path = "models/tiny"
activation_checkpointing = true
[data]
train_files = ["a.jsonl", "/data/b.parquet"]
[rollout]
temperature = 1
max_new_tokens = 46
[run]
threads = 2
)");
    ASSERT_THAT(described(report.problems), IsEmpty());
    const RunConfig& config = report.loaded.config;
    EXPECT_EQ(config.model.path, "/project/models/tiny");
    EXPECT_TRUE(config.model.activationCheckpointing);
    EXPECT_THAT(config.data.trainFiles, ElementsAre("/project/a.jsonl", "/data/b.parquet"));
    EXPECT_EQ(config.rollout.temperature, 1.0);
    EXPECT_EQ(config.rollout.maxNewTokens, 46);
    EXPECT_EQ(config.run.name, "demo");
    EXPECT_EQ(describe(report.loaded.sourceOf("run.threads")), "file demo.toml:11");
    EXPECT_EQ(describe(report.loaded.sourceOf("run.seed")), "default");
    EXPECT_EQ(describe(report.loaded.sourceOf("run.name")), "from the configuration's file name");
}

TEST(Load, Override_BeatsFile_FileBeatsPreset)
{
    const ConfigReport report = readText(
        test::kInputs + "preset = \"grpo\"\noptimizer.learning_rate = 1e-4\nrollout.top_p = 0.9\n", { "rollout.top_p=0.8", "run.steps=3" });
    ASSERT_THAT(described(report.problems), IsEmpty());
    EXPECT_EQ(report.loaded.preset, "grpo");
    EXPECT_EQ(report.loaded.config.rollout.topP, 0.8);
    EXPECT_EQ(report.loaded.config.optimizer.learningRate, 1e-4);
    EXPECT_EQ(report.loaded.config.batch.promptsPerStep, 512);
    EXPECT_EQ(describe(report.loaded.sourceOf("rollout.top_p")), "override rollout.top_p=0.8");
    EXPECT_EQ(describe(report.loaded.sourceOf("optimizer.learning_rate")), "file demo.toml:4");
    EXPECT_EQ(describe(report.loaded.sourceOf("batch.prompts_per_step")), "preset grpo");
}

TEST(Load, OverridePreset_ReplacesTheFilesPreset)
{
    const ConfigReport report = readText(test::kInputs + "preset = \"dots\"\n", { "preset=grpo" });
    EXPECT_THAT(described(report.problems), IsEmpty());
    EXPECT_EQ(report.loaded.config.selection.strategy, "uniform");
}

TEST(Load, UnknownPreset_NamesAllAndTheNearest)
{
    EXPECT_THAT(problemsOf("preset = \"dots-r\"\n"),
        ElementsAre("demo.toml:3: preset: expected one of dapo, dots, dots-released, dots-rr, dots-rr-released, grpo, midpoint, mopps, snis, found 'dots-r'; "
                    "did you mean 'dots-rr'?"));
}

TEST(Load, PaperSymbols_InTheirOwnTable_SetTheSettings)
{
    const ConfigReport report = readText(test::kInputs + R"(
preset = "dots-rr"
selection.predictor_path = "p.safetensors"
alpha = 0.4
data.tau = 0.01
data.mu = 4
data.ref_size = 128
[actor.optim]
lr = 2e-6
[replay]
capacity = 300
)", { "sigma=0.75" });
    ASSERT_THAT(described(report.problems), IsEmpty());
    const RunConfig& config = report.loaded.config;
    EXPECT_EQ(config.selection.target, 0.4);
    EXPECT_EQ(config.selection.temperature, 0.01);
    EXPECT_EQ(config.selection.intervalSteps, 4);
    EXPECT_EQ(config.selection.referencePrompts, 128);
    EXPECT_EQ(config.optimizer.learningRate, 2e-6);
    EXPECT_EQ(config.replay.freshFraction, 0.75);
    EXPECT_EQ(config.replay.capacity, 300);
}

TEST(Load, AliasAndKey_DifferentValues_IsAProblemThatNamesBoth)
{
    const auto problems = problemsOf("alpha = 0.4\n[selection]\ntarget = 0.5\n");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_THAT(problems[0], AllOf(HasSubstr("demo.toml:5: selection.target: 'selection.target' = 0.5 contradicts 'alpha' = 0.4"),
        HasSubstr("demo.toml:3")));
}

TEST(Load, AliasAndKey_SameValue_IsFine)
{
    EXPECT_THAT(problemsOf("alpha = 0.4\n[selection]\ntarget = 0.4\n"), IsEmpty());
}

TEST(Load, AliasAndKeyAsOverrides_DifferentValues_IsAProblem)
{
    EXPECT_EQ(problemsOf("", { "alpha=0.4", "selection.target=0.6" }).size(), 1U);
}

TEST(Load, SameOverrideTwice_LastOneHolds)
{
    const ConfigReport report = readText(test::kInputs, { "run.steps=3", "run.steps=5" });
    EXPECT_THAT(described(report.problems), IsEmpty());
    EXPECT_EQ(report.loaded.config.run.steps, 5);
}

TEST(Load, Epsilon_SetsBothClips_UnlessTheHighOneIsNamed)
{
    const RunConfig both = readText(test::kInputs + "epsilon = 0.3\n").loaded.config;
    EXPECT_EQ(both.policy.clipLow, 0.3);
    EXPECT_EQ(both.policy.clipHigh, 0.3);
    for (const char* text : { "epsilon = 0.3\nepsilon_high = 0.28\n", "epsilon_high = 0.28\nepsilon = 0.3\n" }) {
        const ConfigReport report = readText(test::kInputs + text);
        EXPECT_THAT(described(report.problems), IsEmpty());
        EXPECT_EQ(report.loaded.config.policy.clipLow, 0.3);
        EXPECT_EQ(report.loaded.config.policy.clipHigh, 0.28);
    }
}

TEST(Load, AliasWithOtherWords_IsTranslated)
{
    const RunConfig config
        = readText(test::kInputs + "loss_type = \"dr_grpo\"\ntrainer.test_freq = -1\nalgorithm.norm_adv_by_std_in_grpo = false\n")
              .loaded.config;
    EXPECT_EQ(config.policy.aggregation, "seq-mean-token-sum-norm");
    EXPECT_EQ(config.policy.advantage, "dr_grpo");
    EXPECT_EQ(config.eval.everySteps, 0);
}

TEST(Load, WrongType_NamesPlaceKeyExpectedAndFound)
{
    EXPECT_THAT(problemsOf("[run]\nsteps = \"many\"\nthreads = 1.5\n"),
        ElementsAre("demo.toml:4: run.steps: expected an integer of at least 1, found \"many\"",
            "demo.toml:5: run.threads: expected an integer from 0 to 4096, found 1.5"));
}

TEST(Load, TableWhereValueIsWanted_IsAProblem)
{
    EXPECT_THAT(problemsOf("[run]\nsteps = { a = 1 }\n"), ElementsAre(HasSubstr("unknown key 'run.steps.a'")));
    EXPECT_THAT(problemsOf("data.val_files = [\"a\", 1]\n"), ElementsAre(HasSubstr("expected a list of texts, found")));
}

TEST(Load, OutOfRangeAndWrongChoice_NameWhatIsAllowed)
{
    EXPECT_THAT(problemsOf("[selection]\ntarget = 1.5\n[policy]\nadvantage = \"ppo\"\n"),
        ElementsAre("demo.toml:4: selection.target: expected a number from 0 to 1, found 1.5",
            HasSubstr("demo.toml:6: policy.advantage: expected one of grpo, dr_grpo, rloo, found \"ppo\"")));
}

TEST(Load, NotFinite_IsAProblem)
{
    EXPECT_EQ(problemsOf("optimizer.learning_rate = nan\n").size(), 1U);
    EXPECT_EQ(problemsOf("", { "optimizer.learning_rate=inf" }).size(), 1U);
}

TEST(Load, UnknownKey_NamesLineAndNearest)
{
    EXPECT_THAT(problemsOf("[rollout]\ntemprature = 1.0\n"),
        ElementsAre("demo.toml:4: unknown key 'rollout.temprature'; did you mean 'rollout.temperature'?"));
    EXPECT_THAT(problemsOf("[rolout]\n"), ElementsAre(HasSubstr("unknown key 'rolout'")));
}

TEST(Load, NotToml_NamesLine)
{
    EXPECT_THAT(problemsOf("[run\nsteps = 1\n"), ElementsAre(HasSubstr("demo.toml:3: not valid TOML: ")));
}

TEST(Load, ManyProblems_AreAllCollected)
{
    EXPECT_EQ(problemsOf("a = 1\nb = 2\nrun.steps = 0\n", { "c", "rollout.n=x" }).size(), 5U);
}

TEST(Load, Override_RelativePath_IsRelativeToTheWorkingFolder)
{
    const ConfigReport report = readText(test::kInputs, { "model.path=other" });
    EXPECT_EQ(report.loaded.config.model.path, (std::filesystem::current_path() / "other").string());
}

TEST(Load, ExternalCommand_OnlyAProgramWithAFolderIsAPath)
{
    EXPECT_THAT(readText(test::kInputs + "reward.external_command = [\"./grade\", \"x/y\"]\n").loaded.config.reward.externalCommand,
        ElementsAre("/project/grade", "x/y"));
    EXPECT_THAT(readText(test::kInputs + "reward.external_command = [\"python3\"]\n").loaded.config.reward.externalCommand,
        ElementsAre("python3"));
}

TEST(Load, File_Missing_IsAConfigError)
{
    try {
        loadConfig("/nowhere/run.toml");
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Config);
        EXPECT_STREQ(error.what(), "/nowhere/run.toml: no such configuration file");
    }
}

TEST(Load, File_Folder_IsAConfigError)
{
    const midpoint::test::TemporaryFolder folder;
    EXPECT_THROW(loadConfig(folder.path()), Error);
}

TEST(Load, File_PathsAreRelativeToItsFolder)
{
    const midpoint::test::TemporaryFolder folder;
    midpoint::test::write(folder / "a.toml", test::kInputs);
    const LoadedConfig loaded = loadConfig(folder / "a.toml");
    EXPECT_EQ(loaded.config.model.path, (folder / "model").string());
    EXPECT_EQ(loaded.file, folder / "a.toml");
    EXPECT_EQ(loaded.config.run.name, "a");
}

TEST(Load, File_Problems_AreOneErrorWithAll)
{
    const midpoint::test::TemporaryFolder folder;
    midpoint::test::write(folder / "a.toml", "run.steps = 0\nx = 1\n");
    try {
        loadConfig(folder / "a.toml");
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Config);
        EXPECT_THAT(error.what(), AllOf(HasSubstr("2 problems"), HasSubstr("run.steps"), HasSubstr("unknown key 'x'")));
    }
}

TEST(Overrides, AllForms_BecomeKeyValue)
{
    const std::vector<std::string> words = { "run.steps=3", "--run.seed=4", "--rollout.n", "8", "--model.path", "a=b" };
    EXPECT_THAT(parseOverrides(words), ElementsAre("run.steps=3", "run.seed=4", "rollout.n=8", "model.path=a=b"));
}

TEST(Overrides, WrongForms_AreUsageErrors)
{
    for (const std::vector<std::string>& words :
        { std::vector<std::string> { "word" }, { "--run.steps" }, { "--run.stepz", "3" }, { "--" }, { "=3" } }) {
        try {
            parseOverrides(words);
            ADD_FAILURE() << "expected an error for " << words[0];
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::Usage) << words[0];
        }
    }
}

} // namespace
} // namespace midpoint::config
