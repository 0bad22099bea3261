// What commands print and return when they are used well, as far as no model is needed.
#include "backend/config/resolved.h"
#include "backend/core/text.h"
#include "backend/store/run_writer.h"
#include "backend/store/time_to_target.h"
#include "tests/app/process.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <cstring>
#include <fstream>
#include <functional>
#include <numeric>

namespace midpoint::app::test {
namespace {

using midpoint::test::write;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::vector<std::string> kCommandNames = { "gui", "train", "validate", "eval", "generate", "warmup", "predictor", "compare", "simulate", "grade", "export",
    "snapshot", "inspect", "bench", "doctor", "rank", "job" };

class InFolder : public testing::Test {
protected:
    Finished run(const std::vector<std::string>& words) { return runMidpoint(words, m_folder.path()); }
    json runJson(const std::vector<std::string>& words)
    {
        const Finished finished = run(words);
        EXPECT_EQ(finished.code, 0) << finished.err;
        return json::parse(finished.out);
    }
    // A configuration whose files are all there.
    void writeProject()
    {
        std::filesystem::create_directories(m_folder / "model");
        write(m_folder / "model/config.json", R"({"architectures": ["Qwen2ForCausalLM"], "num_hidden_layers": 1, "num_attention_heads": 2,
            "num_key_value_heads": 2, "hidden_size": 8, "intermediate_size": 16, "vocab_size": 3, "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": true})");
        write(m_folder / "model/tokenizer.json", R"({"model": {"type": "WordLevel", "vocab": {"<unk>": 0, "1": 1, "+": 2}, "unk_token": "<unk>"},
            "pre_tokenizer": {"type": "WhitespaceSplit"}})");
        writeWeights(8);
        std::string prompts;
        for (int i = 0; i < 32; ++i)
            prompts += json({ { "question", "1 + " + std::to_string(i) }, { "answer", std::to_string(i + 1) } }).dump() + "\n";
        write(m_folder / "train.jsonl", prompts);
        write(m_folder / "run.toml", "model.path = \"model\"\ndata.train_files = [\"train.jsonl\"]\ndata.val_files = [\"train.jsonl\"]\n");
    }
    // Zeros for the model above; its embedding may have another width.
    void writeWeights(std::int64_t embeddingWidth)
    {
        const std::string layer = "model.layers.0.";
        std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors = { { "model.embed_tokens.weight", { 3, embeddingWidth } },
            { "model.norm.weight", { 8 } }, { layer + "input_layernorm.weight", { 8 } }, { layer + "post_attention_layernorm.weight", { 8 } },
            { layer + "mlp.gate_proj.weight", { 16, 8 } }, { layer + "mlp.up_proj.weight", { 16, 8 } }, { layer + "mlp.down_proj.weight", { 8, 16 } },
            { layer + "self_attn.o_proj.weight", { 8, 8 } } };
        for (const char* projection : { "q_proj", "k_proj", "v_proj" }) {
            tensors.push_back({ layer + "self_attn." + projection + ".weight", { 8, 8 } });
            tensors.push_back({ layer + "self_attn." + projection + ".bias", { 8 } });
        }
        json header = json::object();
        std::size_t bytes = 0;
        for (const auto& [name, shape] : tensors) {
            const std::size_t begin = bytes;
            bytes += 4 * static_cast<std::size_t>(std::accumulate(shape.begin(), shape.end(), std::int64_t { 1 }, std::multiplies<>()));
            header[name] = { { "dtype", "F32" }, { "shape", shape }, { "data_offsets", { begin, bytes } } };
        }
        const std::string text = header.dump();
        std::string file(8, '\0');
        for (std::size_t i = 0; i < 8; ++i)
            file[i] = static_cast<char>(static_cast<std::uint64_t>(text.size()) >> (8 * i));
        write(m_folder / "model/model.safetensors", file + text + std::string(bytes, '\0'));
    }
    midpoint::test::TemporaryFolder m_folder;
};

TEST_F(InFolder, Help_OfEveryCommand_IsOnStdout)
{
    const Finished program = run({ "--help" });
    EXPECT_EQ(program.code, 0);
    for (const std::string& name : kCommandNames) {
        EXPECT_THAT(program.out, HasSubstr("\n  " + name + " "));
        const Finished finished = run({ name, "--help" });
        EXPECT_EQ(finished.code, 0) << name;
        EXPECT_THAT(finished.out, HasSubstr(name)) << name;
        EXPECT_THAT(finished.err, IsEmpty()) << name;
    }
    EXPECT_THAT(run({ "train", "--help" }).out, AllOf(HasSubstr("rollout.samples_per_prompt = 8"), HasSubstr("optimizer.beta1"), Not(HasSubstr("1024]=0"))));
    EXPECT_THAT(run({ "grade", "--help" }).out, AllOf(HasSubstr("reward.tolerance"), Not(HasSubstr("optimizer.beta1"))));
    EXPECT_THAT(run({ "eval", "--help" }).out, AllOf(HasSubstr("rollout.top_p"), Not(HasSubstr("optimizer.beta1")), Not(HasSubstr("TEXT=[]"))));
}

// A machine without Qt: the window's module is there, but cannot be opened.
TEST_F(InFolder, NoCommand_WithoutQt_IsHelpAndTheReason)
{
    const std::filesystem::path program = m_folder / "bin/midpoint";
    std::filesystem::create_directories(program.parent_path());
    std::filesystem::create_directories(m_folder / "lib");
    std::filesystem::copy_file(midpoint::test::midpointBinary(), program);
    write(m_folder / "lib/libmidpoint_gui.so", "no library");
    const Finished finished = runProgram("/usr/bin/env", { "DISPLAY=:0", program.string() });
    EXPECT_EQ(finished.code, 2);
    EXPECT_THAT(finished.err, AllOf(HasSubstr("usage: midpoint COMMAND"), HasSubstr("No window: "), HasSubstr("libmidpoint_gui.so")));
    EXPECT_THAT(finished.out, IsEmpty());
}

TEST_F(InFolder, Gui_DisplayThatIsNotThere_IsWrongUseAndNoCrash)
{
    const std::filesystem::path program = midpoint::test::midpointBinary();
    if (!std::filesystem::exists(program.parent_path().parent_path() / "lib/libmidpoint_gui.so"))
        GTEST_SKIP() << "this build has no window";
    const Finished finished = runProgram("/usr/bin/env", { "DISPLAY=:4711", program.string(), "gui" });
    EXPECT_EQ(finished.code, 2) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr("no display can be used"));
}

TEST_F(InFolder, Simulate_TruthFromAFile_JudgesEveryRound)
{
    std::string truth = "step,prompt,success_rate\n";
    for (int prompt = 1; prompt <= 40; ++prompt)
        truth += std::string("0,") + std::to_string(prompt) + (prompt <= 10 ? ",0.5\n" : ",0\n");
    write(m_folder / "truth.csv", truth + "9,1,0.5\n");
    const json result = runJson({ "simulate", "--truth", "truth.csv", "--strategy", "mopps", "--belief", "posterior", "--prompts-per-step", "4",
        "--json" });
    EXPECT_EQ(result["prompts"], 40);
    ASSERT_EQ(result["rounds"].size(), 10U);
    EXPECT_DOUBLE_EQ(result["rounds"][9]["pool_effective_ratio"].get<double>(), 0.25 * (1.0 - 2.0 / 256.0));
    EXPECT_GT(result["rounds"][9]["effective_ratio"].get<double>(), 0.5) << "ten steps have shown which prompts have signal";
    EXPECT_EQ(result["rounds"][9]["rollouts"], 10 * 4 * 8);
    const json uniform = runJson({ "simulate", "--truth", "truth.csv", "--strategy", "uniform", "--prompts-per-step", "4", "--json" });
    EXPECT_TRUE(uniform["rounds"][9]["pearson"].is_null()) << "a uniform choice believes nothing";
}

TEST_F(InFolder, TimeToTarget_BadFiles_NameFileAndLine)
{
    const std::vector<std::pair<std::string, std::string>> cases = {
        { "seeds = [1]\n", "expected at least one [[method]]" },
        { "[[method]]\nname = \"a\"\nconfig = \"a.toml\"\n", "expected seeds" },
        { "seeds = [1]\n[[method]]\nname = \"a\"\n", "file.toml:2: method 'a': expected config" },
        { "seeds = [1]\nsmothing = 0.5\n", "file.toml:2: unknown key 'smothing'; did you mean 'smoothing'?" },
        { "seeds = [1]\nbaseline = \"b\"\n[[method]]\nname = \"a\"\nconfig = \"a.toml\"\n", "found 'b'" },
        { "seeds = [1]\n[[method]]\nname = \"a\"\nconfig = \"x\"\n[[method]]\nname = \"a\"\nconfig = \"x\"\n", "stands twice" },
        { "seeds = [1, 2]\nscan_seeds = [2]\n", "scan_seeds: expected seeds that are not in seeds, found 2" },
        { "seeds = [1]\n[[method]]\nname = \"a\"\nconfig = \"x\"\nlearning_rates = [1e-4]\n", "expected scan_seeds" },
        { "seeds = [1]\n[[method]]\nname = \"a\"\nconfig = \"x\"\nlearning_rate_of = \"b\"\n", "file.toml:2: learning_rate_of: expected a method with" },
        { "seeds = \"1\"\n", "seeds: expected a list of integers" },
        { "seeds = [\n", "file.toml:" },
        { "seeds = [1]\ntarget = \"grpo\"\n", "file.toml:2: target: expected \"plateau\" or an accuracy in (0, 1], found 'grpo'" },
        { "seeds = [1]\ntarget = 85\n", "file.toml:2: target: expected \"plateau\" or an accuracy in (0, 1], found 85" },
        { "seeds = [1]\ntargets = [0.9,\n  true]\n", "file.toml:3: targets: expected \"plateau\" or an accuracy in (0, 1]" },
        { "seeds = [1]\ntargets = [0.9, 0.9]\n", "targets: expected each once, found 0.9 twice" },
        { "seeds = [1]\ntargets = []\n", "such as [\"plateau\", 0.92]" },
        { "seeds = [1]\ntarget = 0.9\ntargets = [0.8]\n", "file.toml:3: targets: expected target or targets, found both" },
    };
    for (const auto& [text, expected] : cases) {
        write(m_folder / "file.toml", text);
        const Finished finished = run({ "bench", "time-to-target", "file.toml" });
        EXPECT_EQ(finished.code, 2) << text;
        EXPECT_THAT(finished.err, HasSubstr(expected)) << text;
    }
}

TEST_F(InFolder, TimeToTarget_PathsInOverrides_AreRelativeToTheFile)
{
    writeProject();
    std::filesystem::create_directories(m_folder / "plans");
    write(m_folder / "plans/file.toml",
        "seeds = [1]\noverrides = [\"data.train_files=[\\\"other.jsonl\\\"]\"]\n[[method]]\nname = \"a\"\nconfig = \"../run.toml\"\n");
    const Finished finished = run({ "bench", "time-to-target", "plans/file.toml", "--runs", "results" });
    EXPECT_EQ(finished.code, 2);
    EXPECT_THAT(finished.err, AllOf(HasSubstr("data.train_files: missing: "), HasSubstr("/plans/other.jsonl")));
    EXPECT_TRUE(std::filesystem::exists(m_folder / "results")) << "what is on the command line is relative to where it was typed";
}

TEST_F(InFolder, TimeToTarget_FolderOfARun_IsTakenByItsValuesNotByTheirText)
{
    writeProject();
    const auto plan = [&](const std::string& rate) {
        write(m_folder / "file.toml", "seeds = [1]\n[[method]]\nname = \"a\"\nconfig = \"run.toml\"\noverrides = [\"optimizer.learning_rate="
                + rate + "\"]\n");
        return run({ "bench", "time-to-target", "file.toml", "--runs", "runs" });
    };
    std::filesystem::create_directories(m_folder / "runs/a/seed-1");
    write(m_folder / "runs/a/seed-1/resolved.toml",
        config::resolvedToml(config::loadConfig(m_folder / "run.toml", std::vector<std::string> { "run.seed=1", "optimizer.learning_rate=1e-04" })));
    write(m_folder / "runs/a/seed-1/exit.json", R"({"outcome": "finished", "code": 0, "last_step": 1})");
    const Finished other = plan("2e-4");
    EXPECT_EQ(other.code, 1);
    EXPECT_THAT(other.err, HasSubstr("runs/a/seed-1: holds a run with other settings than the file asks for now (optimizer.learning_rate: found 1e-04, "
                                     "expected 2e-04)"));
    EXPECT_THAT(plan("0.0001").err, Not(HasSubstr("other settings")));
}

TEST_F(InFolder, TimeToTarget_ReportOnly_WritesWhatIsThereAndNamesWhatIsMissing)
{
    writeProject();
    write(m_folder / "file.toml", "seeds = [1, 2, 3, 4]\ntargets = [\"plateau\", 0.35]\nscan_seeds = [9]\n[[method]]\nname = \"a\"\nconfig = \"run.toml\"\n"
                                  "learning_rates = [1e-4, 2e-4]\n");
    const auto report = [&](std::vector<std::string> more = {}) {
        std::vector<std::string> words = { "bench", "time-to-target", "file.toml", "--runs", "runs", "--report-only" };
        words.insert(words.end(), more.begin(), more.end());
        return run(words);
    };
    EXPECT_THAT(report().err, HasSubstr("--runs: no such file or folder"));
    std::filesystem::create_directories(m_folder / "runs");
    const Finished nothing = report();
    EXPECT_EQ(nothing.code, 1);
    EXPECT_THAT(nothing.err, AllOf(HasSubstr("a: 2 of 2 trials of learning rates are missing"), HasSubstr("a, seeds 1, 2, 3, 4: not trained yet"), HasSubstr("no run is complete")));

    const auto finish = [&](int seed, const std::string& outcome, const std::string& rate) {
        const std::filesystem::path folder = m_folder / "runs/a" / concat("seed-", seed);
        std::filesystem::create_directories(folder);
        {
            store::RunWriterOptions options;
            options.folder = folder;
            store::RunWriter writer(options);
            for (std::int64_t step = 0; step <= 2; ++step) {
                store::StepRecord record;
                record.step = step;
                record.metrics = { { "val-core/held/acc/mean@1", 0.2 * static_cast<double>(step + 1) }, { "budget/generated_tokens", 10.0 * static_cast<double>(step) } };
                writer.commitStep(record);
            }
            writer.finish();
        }
        write(folder / "resolved.toml", config::resolvedToml(config::loadConfig(m_folder / "run.toml",
                                            std::vector<std::string> { concat("run.seed=", seed), "optimizer.learning_rate=" + rate })));
        write(folder / "exit.json", json({ { "outcome", outcome }, { "code", 0 }, { "signal", 0 }, { "rank", 0 }, { "reason", "out of memory" },
                                        { "last_step", 2 }, { "wall_ms", 0 }, { "host", "here" } })
                                     .dump());
    };
    finish(1, "finished", "2e-4");
    finish(2, "failed", "2e-4");
    finish(3, "finished", "1e-4");
    std::filesystem::create_directories(m_folder / "runs/a/seed-4");
    write(m_folder / "runs/a/seed-4/exit.json", "{}");
    const Finished finished = report({ "--json" });
    EXPECT_EQ(finished.code, 0) << finished.err;
    const json result = json::parse(finished.out);
    const json& method = result["methods"][0];
    EXPECT_EQ(method["learning_rate"], 2e-4) << "the trials are gone, so it is that of the runs";
    EXPECT_EQ(method["counted"], 2);
    EXPECT_EQ(method["runs"][1]["reason"], "out of memory");
    EXPECT_THAT(method["runs"][2]["reason"].get<std::string>(), HasSubstr("holds a run with other settings"));
    EXPECT_THAT(method["runs"][3]["reason"].get<std::string>(), HasSubstr("seed-4/exit.json: expected an exit record"));
    EXPECT_EQ(result["targets"].size(), 2U);
    EXPECT_NEAR(method["runs"][0]["to_targets"][1]["steps"].get<double>(), 5.0 / 12.0, 1e-9);
    const auto read = store::readTimeToTarget(m_folder / "runs/results.db");
    EXPECT_EQ(store::renderJson(read) + "\n", finished.out);
    EXPECT_TRUE(std::filesystem::exists(m_folder / "runs/results.md"));
    const json inspected = runJson({ "inspect", "runs/results.db", "--json" });
    EXPECT_EQ(inspected["kind"], "time-to-target result");
    EXPECT_EQ(inspected["methods"]["a"], "1 of 2, 1 of 2; 2 missing");
    EXPECT_FALSE(std::filesystem::exists(m_folder / "runs/a/scan-lr-1e-04-seed-9")) << "nothing is trained";
}

TEST_F(InFolder, Validate_GoodConfiguration_ShowsTheSums)
{
    writeProject();
    const Finished finished = run({ "validate", "run.toml", "sigma=0.75", "replay.enabled=true" });
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_THAT(finished.out, AllOf(HasSubstr("run.toml: valid"), HasSubstr("32 groups x 8 responses = 256 rows; 192 generated, 64 replayed")));
}

TEST_F(InFolder, Validate_MissingFile_NamesFileKeyAndLine)
{
    writeProject();
    std::filesystem::remove(m_folder / "train.jsonl");
    const Finished finished = run({ "validate", "run.toml" });
    EXPECT_EQ(finished.code, 2);
    EXPECT_THAT(finished.err, AllOf(HasSubstr("run.toml:2: data.train_files: missing: "), HasSubstr("/train.jsonl")));
}

TEST_F(InFolder, Validate_WordWithoutToken_NamesItsLine)
{
    writeProject();
    write(m_folder / "model/tokenizer.json", R"({"model": {"type": "WordLevel", "vocab": {"1": 0, "+": 1}, "unk_token": "<unk>"},
        "pre_tokenizer": {"type": "WhitespaceSplit"}})");
    write(m_folder / "train.jsonl", "{\"question\": \"1 + 1\", \"answer\": \"2\"}\n{\"question\": \"one + 1\", \"answer\": \"2\"}\n");
    const Finished finished = run({ "validate", "run.toml", "data.prompt_template=plain" });
    EXPECT_EQ(finished.code, 2);
    EXPECT_THAT(finished.err, AllOf(HasSubstr("data.train_files: "), HasSubstr("train.jsonl: line 2: the word 'one' is not in the vocabulary")));
}

TEST_F(InFolder, Validate_UnreadableTokenizer_IsAProblemOfTheModel)
{
    writeProject();
    write(m_folder / "model/tokenizer.json", "{}");
    const Finished finished = run({ "validate", "run.toml" });
    EXPECT_EQ(finished.code, 2);
    EXPECT_THAT(finished.err, AllOf(HasSubstr("model.path: "), HasSubstr("tokenizer.json: the part 'model' is missing")));
}

TEST_F(InFolder, Validate_TruncatedWeights_AreAProblemOfTheModel)
{
    writeProject();
    write(m_folder / "model/model.safetensors", std::string("\xff\0\0\0\0\0\0\0{}", 10));
    const Finished finished = run({ "validate", "run.toml" });
    EXPECT_EQ(finished.code, 2);
    EXPECT_THAT(finished.err, AllOf(HasSubstr("model.path: "), HasSubstr("model.safetensors: the header says 255 bytes, the file has 2 after it")));
}

// Without the engine, or without LibTorch, shapes cannot be compared and the rest is.
TEST_F(InFolder, Validate_WeightOfAnotherShape_IsAProblemOfTheModel)
{
    writeProject();
    if (!std::filesystem::exists(midpoint::test::midpointBinary().parent_path().parent_path() / "lib/libmidpoint_engine.so"))
        GTEST_SKIP() << "this build has no training engine";
    writeWeights(12);
    const Finished finished = run({ "validate", "run.toml" });
    EXPECT_EQ(finished.code, 2);
    EXPECT_THAT(finished.err, AllOf(HasSubstr("model.path: "), HasSubstr("'model.embed_tokens.weight': expected shape [3, 8], found [3, 12]")));
}

TEST_F(InFolder, Validate_FewerPromptsThanAStepTakes_IsAProblem)
{
    writeProject();
    const Finished finished = run({ "validate", "run.toml", "batch.prompts_per_step=64", "batch.prompts_per_update=64" });
    EXPECT_EQ(finished.code, 2);
    EXPECT_THAT(finished.err, HasSubstr("batch.prompts_per_step: expected at most as many different prompts a step as data.train_files hold, 32, found 64"));
}

TEST_F(InFolder, Validate_Json_ListsProblems)
{
    write(m_folder / "run.toml", "run.steps = 0\n");
    const Finished finished = run({ "validate", "run.toml", "--json" });
    EXPECT_EQ(finished.code, 2);
    const json report = json::parse(finished.out);
    EXPECT_FALSE(report["valid"].get<bool>());
    ASSERT_EQ(report["problems"].size(), 1U);
    EXPECT_EQ(report["problems"][0]["key"], "run.steps");
    EXPECT_EQ(report["problems"][0]["where"], "run.toml:1");
}

TEST_F(InFolder, Train_DryRun_PrintsEveryKeyAndWritesNothing)
{
    writeProject();
    const Finished finished = run({ "train", "run.toml", "--dry-run", "--rollout.n", "4", "run.steps=3" });
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_THAT(finished.out, AllOf(HasSubstr("samples_per_prompt = 4  # override rollout.n=4"), HasSubstr("steps = 3  # override run.steps=3"),
                                  HasSubstr("seed = 1  # default")));
    EXPECT_FALSE(std::filesystem::exists(m_folder / "runs"));
}

TEST_F(InFolder, Train_DryRunWithRunFolder_WritesResolvedToml)
{
    writeProject();
    const Finished finished = run({ "train", "run.toml", "--dry-run", "--run-dir", "out" });
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(midpoint::test::read(m_folder / "out/resolved.toml"), finished.out);
}

TEST_F(InFolder, Train_Nproc_ListsAsManyDevices)
{
    writeProject();
    const json resolved = runJson({ "train", "run.toml", "--dry-run", "--nproc", "2", "--json" });
    EXPECT_EQ(resolved["values"]["run.devices"]["value"], json({ "cpu", "cpu" }));
    const Finished clash = run({ "train", "run.toml", "--dry-run", "--nproc", "3", "run.devices=cpu,cpu" });
    EXPECT_EQ(clash.code, 2);
    EXPECT_THAT(clash.err, HasSubstr("expected the 2 devices of run.devices, found 3"));
}

TEST_F(InFolder, Train_WrongResume_IsWrongUse)
{
    writeProject();
    const Finished unknown = run({ "train", "run.toml", "--resume", "elsewhere" });
    EXPECT_EQ(unknown.code, 2);
    EXPECT_THAT(unknown.err, HasSubstr("--resume: expected auto, never or a checkpoint folder"));
    std::filesystem::create_directories(m_folder / "runs/run/checkpoints");
    const Finished occupied = run({ "train", "run.toml", "--resume", "never" });
    EXPECT_EQ(occupied.code, 2);
    EXPECT_THAT(occupied.err, HasSubstr("already holds a run"));
}

TEST_F(InFolder, Grade_Single_PrintsVerdictAndRule)
{
    const json report = runJson({ "grade", "--reference", "1/2", "--response", "so \\boxed{\\frac{1}{2}}", "--json" });
    EXPECT_EQ(report["grades"][0]["verdict"], "correct");
    EXPECT_EQ(report["counts"]["correct"], 1);
}

// The word behind an option is its value, also where it looks like a setting or like another option.
TEST_F(InFolder, Grade_ValuesWithSigns_AreNoSettings)
{
    EXPECT_EQ(runJson({ "grade", "--reference", "x = 5", "--response", "x = 5", "--json" })["counts"]["correct"], 1);
    EXPECT_EQ(runJson({ "grade", "--reference", "run.steps=5", "--response", "-5", "reward.kind=math", "--json" })["counts"]["correct"], nullptr);
    EXPECT_EQ(runJson({ "grade", "--reference", "-x", "--response", "-x", "reward.kind=exact", "--json" })["counts"]["correct"], 1);
    EXPECT_EQ(runJson({ "grade", "--response=x=5", "--reference=5", "--json" })["counts"]["correct"], 1);
}
TEST_F(InFolder, Grade_File_CountsVerdicts)
{
    write(m_folder / "r.jsonl", "{\"response\": \"# 9 10\", \"reference\": \"9 10\"}\n\n{\"response\": \"# 9 11\", \"answer\": \"9 10\"}\n");
    const json report = runJson({ "grade", "--file", "r.jsonl", "reward.kind=exact", "reward.pattern=#", "--json" });
    EXPECT_EQ(report["counts"]["correct"], 1);
    EXPECT_EQ(report["counts"]["wrong"], 1);
}

TEST_F(InFolder, Grade_BadLine_NamesIt)
{
    write(m_folder / "r.jsonl", "{\"response\": \"a\", \"reference\": \"b\"}\n{\"response\": 1, \"reference\": \"b\"}\n");
    const Finished finished = run({ "grade", "--file", "r.jsonl" });
    EXPECT_EQ(finished.code, 1);
    EXPECT_THAT(finished.err, HasSubstr("r.jsonl:2: expected a text 'response', found 1"));
}

TEST_F(InFolder, Doctor_Json_TellsMachineAndModules)
{
    const Finished finished = run({ "doctor", "--json" });
    const json report = json::parse(finished.out);
    EXPECT_GT(report["machine"]["cores"].get<int>(), 0);
    EXPECT_GT(report["machine"]["memory_bytes"].get<std::int64_t>(), 0);
    EXPECT_EQ(finished.code, report.contains("engine") ? 0 : 1);
    // Without a device there is a reason, with one there is none.
    EXPECT_EQ(report["cuda"]["module"], report["build"]["modules"]["libmidpoint_cuda.so"]);
    EXPECT_EQ(report["cuda"]["devices"].empty(), report["cuda"].contains("problem"));
}

TEST_F(InFolder, Doctor_SelfTest_WritesOneReport)
{
    const Finished finished = run({ "doctor", "--selftest", "--demo-steps", "2", "--json", "--report", "report.json" });
    const json report = json::parse(finished.out);
    std::ifstream file(m_folder / "report.json");
    EXPECT_EQ(json::parse(file), report);
    if (report["cuda"].contains("problem"))
        EXPECT_EQ(report["cuda"]["selftest"]["skipped"], report["cuda"]["problem"]);
    else
        EXPECT_EQ(report["cuda"]["selftest"].size(), report["cuda"]["devices"].size());
    if (!report.contains("engine"))
        return;
    EXPECT_EQ(finished.code, 0) << finished.out;
    EXPECT_GT(report["selftest"]["decode"]["tokens_per_second"].get<double>(), 0.0);
    EXPECT_GT(report["selftest"]["decode"]["gemm_limit_tokens_per_second"].get<double>(), 0.0);
    EXPECT_GT(report["selftest"]["step"]["seconds_per_step"].get<double>(), 0.0);
    EXPECT_GT(report["selftest"]["disk"]["write_megabytes_per_second"].get<double>(), 0.0);
    EXPECT_GT(report["selftest"]["all_reduce_cpu"]["gigabytes_per_second"].get<double>(), 0.0) << report["selftest"]["all_reduce_cpu"];
    if (report["cuda"]["devices"].size() < 2)
        EXPECT_THAT(report["selftest"]["all_reduce"]["skipped"].get<std::string>(), HasSubstr("needs two GPUs"));
    else
        EXPECT_GT(report["selftest"]["all_reduce"]["gigabytes_per_second"].get<double>(), 0.0) << report["selftest"]["all_reduce"];
    EXPECT_EQ(report["selftest"]["demo"]["steps"], 2) << report["selftest"]["demo"];
    if (report["cuda"].contains("problem"))
        EXPECT_EQ(report["selftest"]["gpu"]["skipped"], report["cuda"]["problem"]);
    else
        EXPECT_EQ(report["selftest"]["gpu"]["demo"]["steps"], 2) << report["selftest"]["gpu"];
    EXPECT_TRUE(std::filesystem::exists(report["engine"]["torch"]["folder"].get<std::string>()));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(m_folder.path()), {}), 1) << "only the report is left";
}

std::string safetensors(const std::string& header, std::size_t dataBytes)
{
    const std::uint64_t length = header.size();
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    return bytes + header + std::string(dataBytes, '\0');
}

TEST_F(InFolder, Inspect_Safetensors_CountsTensors)
{
    const std::string header = R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})";
    write(m_folder / "a.safetensors", safetensors(header, 24));
    const json report = runJson({ "inspect", "a.safetensors", "--json" });
    EXPECT_EQ(report["tensors"], 1);
    EXPECT_EQ(report["parameters"], 6);
    write(m_folder / "b.safetensors", safetensors(header, 20));
    const Finished truncated = run({ "inspect", "b.safetensors" });
    EXPECT_EQ(truncated.code, 1);
    EXPECT_THAT(truncated.err, HasSubstr("truncated"));
}

TEST_F(InFolder, Inspect_HeaderLongerThanTheFile_SaysSo)
{
    write(m_folder / "a.safetensors", safetensors("{}", 0).substr(0, 8));
    const Finished finished = run({ "inspect", "a.safetensors" });
    EXPECT_EQ(finished.code, 1);
    EXPECT_THAT(finished.err, HasSubstr("the header says 2 bytes, the file has 0 after it"));
}

TEST_F(InFolder, Inspect_CheckpointWithDamage_SaysWhatAndFails)
{
    std::filesystem::create_directories(m_folder / "step_000004");
    write(m_folder / "step_000004/a.bin", "abc");
    write(m_folder / "step_000004/manifest.json", R"({"step": 4, "files": {"a.bin": {"bytes": 4, "checksum": ""}, "b.bin": {"bytes": 1, "checksum": ""}}})");
    const Finished finished = run({ "inspect", "step_000004", "--json" });
    EXPECT_EQ(finished.code, 1);
    const json report = json::parse(finished.out);
    EXPECT_FALSE(report["complete"].get<bool>());
    EXPECT_EQ(report["files"]["a.bin"]["state"], "expected 4 bytes, found 3");
    EXPECT_EQ(report["files"]["b.bin"]["state"], "missing");
}

TEST_F(InFolder, Inspect_PromptSet_CountsRows)
{
    write(m_folder / "a.jsonl", "{\"question\": \"1 + 1\", \"answer\": \"2\"}\n{\"question\": \"1  + 1\", \"answer\": \"3\"}\n");
    const json report = runJson({ "inspect", "a.jsonl", "--json" });
    EXPECT_EQ(report["prompts"], 1);
    EXPECT_EQ(report["duplicates"], 1);
    EXPECT_EQ(report["contradictions"], 1);
}

// Runs with an evaluation at the start and after every second step; both spend the same per step.
class Compare : public InFolder {
protected:
    void writeRun(const std::string& name, const std::vector<double>& accuracies, double tokensPerStep)
    {
        std::filesystem::create_directories(m_folder / name);
        store::RunWriterOptions options;
        options.folder = m_folder / name;
        options.info.name = name;
        store::RunWriter writer(options);
        for (std::size_t i = 0; i < accuracies.size(); ++i) {
            const auto step = static_cast<std::int64_t>(2 * i);
            store::StepRecord record;
            record.step = step;
            record.metrics = { { "val-core/held/acc/mean@1", accuracies[i] } };
            const auto spent = static_cast<double>(step);
            if (step > 0)
                for (const auto& [metric, perStep] : { std::pair { "budget/rollouts", 256.0 }, { "budget/generated_tokens", tokensPerStep },
                         { "budget/trained_tokens", 2 * tokensPerStep }, { "budget/train_seconds", 3.0 } })
                    record.metrics.push_back({ metric, perStep * spent });
            writer.commitStep(record);
        }
        writer.finish();
    }
};

TEST_F(Compare, TwoRuns_SpendingToTheTargetThatBothReached)
{
    writeRun("grpo", { 0.3, 0.5, 0.6, 0.8 }, 1000.0);
    writeRun("dots", { 0.3, 0.7, 0.85, 0.84 }, 600.0);
    const json report = runJson({ "compare", "grpo", "dots", "--json" });
    EXPECT_EQ(report["metric"], "val-core/held/acc/mean@1");
    EXPECT_DOUBLE_EQ(report["target"].get<double>(), 0.8);
    EXPECT_EQ(report["runs"][0]["to_target"]["step"], 6);
    EXPECT_EQ(report["runs"][1]["to_target"]["step"], 4);
    EXPECT_DOUBLE_EQ(report["runs"][1]["to_target"]["generated_tokens"].get<double>(), 2400.0);
    EXPECT_DOUBLE_EQ(report["runs"][1]["start_accuracy"].get<double>(), 0.3);
    EXPECT_DOUBLE_EQ(report["runs"][1]["last_accuracy"].get<double>(), 0.84);
}

TEST_F(Compare, Table_ShowsRatiosAndWhatWasNotReached)
{
    writeRun("grpo", { 0.3, 0.5, 0.6, 0.8 }, 1000.0);
    writeRun("dots", { 0.3, 0.7, 0.85, 0.84 }, 600.0);
    EXPECT_THAT(run({ "compare", "grpo", "dots" }).out, HasSubstr("0.40x")); // 2400 of 6000 tokens
    EXPECT_THAT(run({ "compare", "grpo", "dots", "--target", "0.82" }).out, HasSubstr("not reached"));
}

TEST_F(Compare, UnknownMetric_NamesRunAndMetric)
{
    writeRun("grpo", { 0.3, 0.5 }, 1000.0);
    const Finished finished = run({ "compare", "grpo", "--metric", "val-core/none/acc/mean@1" });
    EXPECT_EQ(finished.code, 1);
    EXPECT_THAT(finished.err, HasSubstr("grpo: the run has no metric 'val-core/none/acc/mean@1'"));
}

TEST_F(Compare, Snapshot_CanBeComparedAndInspected)
{
    writeRun("grpo", { 0.3, 0.5 }, 1000.0);
    EXPECT_EQ(run({ "snapshot", "grpo", "copy.db" }).code, 0);
    EXPECT_EQ(runJson({ "inspect", "copy.db", "--json" })["name"], "grpo");
    EXPECT_EQ(run({ "compare", "grpo", "copy.db" }).code, 0);
}

} // namespace
} // namespace midpoint::app::test
