// The reward as users meet it: misbehaving grading processes, wrong and unreadable reference answers, in runs of the program.
#include "backend/core/text.h"
#include "backend/store/rollout_store.h"
#include "tests/support/fixtures.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <map>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;
using namespace midpoint;
using nlohmann::json;
using testing::HasSubstr;

namespace {

using Words = std::vector<std::string>;

// Runs the program with its output in a file; its exit code, or 128 + signal.
int runProgram(const Words& more, const fs::path& output)
{
    const pid_t process = ::fork();
    if (process == 0) {
        const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
        ::dup2(file, 1);
        ::dup2(file, 2);
        Words words = { test::midpointBinary().string() };
        words.insert(words.end(), more.begin(), more.end());
        std::vector<char*> arguments;
        for (std::string& word : words)
            arguments.push_back(word.data());
        arguments.push_back(nullptr);
        ::execv(arguments[0], arguments.data());
        ::_exit(127);
    }
    int status = 0;
    ::waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// A grader that is wrong on purpose: it rewards prompts whose reference is "short" for a response of few tokens, whatever it
// says. Others, the held-out ones, it judges by their answer.
constexpr const char* kLengthGrader = R"(
while IFS= read -r line; do
    tokens=${line##*'"tokens":'}
    reference=${line##*'"reference":"'}
    reference=${reference%%'"'*}
    case "$line" in
        *'"reference":"short"'*) if [ "${tokens%%[!0-9]*}" -le 6 ]; then verdict=correct; else verdict=wrong; fi ;;
        *"# $reference"*) verdict=correct ;;
        *) verdict=wrong ;;
    esac
    echo "{\"verdict\": \"$verdict\", \"rule\": \"length\"}"
done
)";

// A grader as a shell script. What it does with prompts whose reference is "bad" is said by its argument; others it judges.
constexpr const char* kGrader = R"(
while IFS= read -r line; do
    case "$line" in *'"reference":"bad"'*) mode=$1 ;; *) mode=judge ;; esac
    case "$mode" in
        judge) echo '{"verdict": "wrong", "extracted": "7", "rule": "judged"}' ;;
        hang) sleep 1000 ;;
        crash) kill -SEGV $$ ;;
        garbage) echo '<html>' ;;
        nothing) echo '' ;;
        exit) exit 0 ;;
        fork) (sleep 1000 &) ; sleep 1000 & echo '{"verdict": "correct", "rule": "forked"}' ;;
        memory) x=aaaaaaaaaaaaaaaa; while true; do x="$x$x"; done ;;
    esac
done
)";

class RewardProcessTest : public testing::Test {
protected:
    void SetUp() override
    {
        m_project = test::sourceFolder() / "projects" / "arithmetic";
        ASSERT_TRUE(fs::exists(m_project / "base" / "model.safetensors"));
    }

    // A prompt set of short statements of the demo with these answers; an empty one keeps the right answer.
    fs::path writePool(const Words& answers)
    {
        std::istringstream pool(test::read(m_project / "pool-a.jsonl"));
        std::string text;
        m_rightAnswers.clear();
        for (std::string line; m_rightAnswers.size() < answers.size() && std::getline(pool, line);) {
            json row = json::parse(line);
            if (row["question"].get<std::string>().size() > 24) // one operation
                continue;
            const std::string& answer = answers[m_rightAnswers.size()];
            m_rightAnswers.push_back(row["answer"]);
            if (!answer.empty())
                row["answer"] = answer;
            text += row.dump() + "\n";
        }
        test::write(m_folder / "pool.jsonl", text);
        return m_folder / "pool.jsonl";
    }

    int train(const std::string& run, const fs::path& pool, const Words& more)
    {
        Words words = { "train", (m_project / "grpo.toml").string(), "--run-dir", (m_folder / run).string(),
            concat("data.train_files=[\"", pool.string(), "\"]"), "data.val_files=[]", "run.threads=1", "checkpoint.every_steps=0", "selection.interval_steps=1",
            "store.rollouts_per_step=-1", "store.rollout_every_steps=1" };
        words.insert(words.end(), more.begin(), more.end());
        return runProgram(words, m_folder / "output");
    }
    std::string output() const { return test::read(m_folder / "output"); }

    json inspected(const std::string& run)
    {
        EXPECT_EQ(runProgram({ "inspect", (m_folder / run).string(), "--json" }, m_folder / "inspected"), 0);
        return json::parse(test::read(m_folder / "inspected"), nullptr, false);
    }

    std::map<Verdict, int> verdicts(const std::string& run) const
    {
        std::map<Verdict, int> counts;
        const store::RolloutReader reader(m_folder / run);
        for (const std::int64_t step : reader.steps())
            for (const store::StoredGroup& group : reader.groups(step))
                for (const store::StoredRollout& rollout : group.rollouts)
                    ++counts[rollout.rollout.verdict];
        return counts;
    }

    fs::path m_project;
    Words m_rightAnswers;
    test::TemporaryFolder m_folder;
};

struct Misbehaviour {
    const char* name;
    Verdict verdict; // of each response it was asked about
    int deadlineSeconds = 20;
};

void PrintTo(const Misbehaviour& kind, std::ostream* out) { *out << kind.name; }

class ExternalGraderRunTest : public RewardProcessTest, public testing::WithParamInterface<Misbehaviour> {};

} // namespace

TEST_P(ExternalGraderRunTest, Train_MisbehavingGrader_CostsOnlyItsSamples)
{
    test::write(m_folder / "grader.sh", kGrader);
    const fs::path pool = writePool({ "bad", "good" });
    const std::string command = concat("reward.external_command=[\"sh\", \"", (m_folder / "grader.sh").string(), "\", \"", GetParam().name, "\"]");
    ASSERT_EQ(train("run", pool,
                  { "run.steps=20", "batch.prompts_per_step=2", "batch.prompts_per_update=2", "rollout.samples_per_prompt=2",
                      "rollout.max_new_tokens=8", "reward.kind=external", command, concat("reward.deadline_seconds=", GetParam().deadlineSeconds),
                      "reward.start_seconds=1",
                      "reward.workers=4", "reward.worker_memory_megabytes=64" }),
        0)
        << output();
    std::map<Verdict, int> expected = { { Verdict::Wrong, 40 } };
    expected[GetParam().verdict] += 40;
    EXPECT_EQ(verdicts("run"), expected) << output();
    const json grades = inspected("run").at("grades"); // of the newest step
    EXPECT_EQ(grades.at("step"), 20);
    EXPECT_EQ(grades.at("verdicts").at("wrong"), 2);
    EXPECT_EQ(grades.at("verdicts").at(nameOf(GetParam().verdict)), 2);
    EXPECT_EQ(grades.at("rules").at("judged"), 2);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ExternalGraderRunTest,
    testing::Values(Misbehaviour { "hang", Verdict::Timeout, 1 }, Misbehaviour { "crash", Verdict::GraderFailed },
        Misbehaviour { "garbage", Verdict::GraderFailed }, Misbehaviour { "nothing", Verdict::GraderFailed },
        Misbehaviour { "exit", Verdict::GraderFailed }, Misbehaviour { "fork", Verdict::Correct },
        Misbehaviour { "memory", Verdict::GraderFailed }),
    [](const auto& kind) { return std::string(kind.param.name); });

TEST_F(RewardProcessTest, Train_MissingGrader_IsWrongUseBeforeTheRun)
{
    const fs::path pool = writePool({ "", "" });
    for (const char* command : { "[\"/nowhere/grader\"]", "[\"/tmp\"]", "[\"no-such-program-anywhere\"]", "[\"python3\", \"missing.py\"]" }) {
        EXPECT_EQ(train("run", pool, { "run.steps=1", "reward.kind=external", concat("reward.external_command=", command) }), 2) << output();
        EXPECT_THAT(output(), HasSubstr("reward.external_command"));
        EXPECT_FALSE(fs::exists(m_folder / "run" / "run.db"));
    }
}

TEST_F(RewardProcessTest, Train_WrongReference_IsListedOnceAsSuspectedLabelError)
{
    const fs::path pool = writePool({ "", "", "9 11", "" });
    const Words small = { "batch.prompts_per_step=4", "batch.prompts_per_update=4" };
    Words first = small;
    first.push_back("run.steps=5");
    ASSERT_EQ(train("run", pool, first), 0) << output();
    const json suspects = inspected("run").at("database").at("audit").at("suspected_label_errors");
    ASSERT_EQ(suspects.size(), 1u) << output();
    EXPECT_EQ(suspects[0]["prompt"], 2);
    EXPECT_EQ(suspects[0]["majority_answer"], m_rightAnswers[2]);
    EXPECT_EQ(suspects[0]["successes"], 0);
    EXPECT_GE(suspects[0]["answers"], 16);

    Words second = small;
    second.push_back("run.steps=7");
    ASSERT_EQ(train("run", pool, second), 0) << output();
    EXPECT_EQ(inspected("run").at("database").at("audit").at("suspected_label_errors").size(), 1u) << "said again after a resume";
}

TEST_F(RewardProcessTest, Train_GraderThatRewardsLength_RaisesTheAlarm)
{
    test::write(m_folder / "grader.sh", kLengthGrader);
    const fs::path pool = writePool(Words(32, "short"));
    const Words hacked = { concat("data.val_files=[\"", (m_project / "heldout-a.jsonl").string(), "\"]"), "reward.kind=external",
        concat("reward.external_command=[\"sh\", \"", (m_folder / "grader.sh").string(), "\"]"), "run.steps=18", "eval.every_steps=3",
        "eval.max_prompts=32", "batch.prompts_per_step=8", "batch.prompts_per_update=4", "optimizer.learning_rate=3e-4" };
    ASSERT_EQ(train("run", pool, hacked), 0) << output();
    const json alarms = inspected("run").at("database").at("audit").at("reward_alarms");
    ASSERT_EQ(alarms.size(), 1u) << output();
    EXPECT_THAT(alarms[0]["message"].get<std::string>(), HasSubstr("held-out accuracy"));
}

TEST_F(RewardProcessTest, Train_UnreadableReference_IsReportedAtLoadAndInTheFirstBatch)
{
    const fs::path pool = writePool({ "\\frac{1}{", "4", "", "" });
    const Words grader = { "reward.kind=math", "run.steps=1", "batch.prompts_per_step=4", "batch.prompts_per_update=4" };
    ASSERT_EQ(train("run", pool, grader), 0) << output();
    const std::string log = test::read(m_folder / "run" / "log" / "rank0.log");
    EXPECT_THAT(log, HasSubstr("reference answers cannot be used"));
    EXPECT_THAT(log, HasSubstr("whose reference answer cannot be read"));
    const json unusable = inspected("run").at("database").at("audit").at("unusable_references");
    ASSERT_EQ(unusable.size(), 1u);
    EXPECT_EQ(unusable[0]["references"][0]["answer"], "\\frac{1}{");
}

TEST_F(RewardProcessTest, Validate_BadData_IsListedWithItsLines)
{
    const fs::path pool = writePool({ "\\frac{1}{", "" });
    std::string text = test::read(pool);
    const std::string firstLine = text.substr(0, text.find('\n') + 1);
    json other = json::parse(firstLine);
    other["answer"] = "5";
    test::write(pool, text + other.dump() + "\n");
    EXPECT_EQ(runProgram({ "validate", (m_project / "grpo.toml").string(), concat("data.train_files=[\"", pool.string(), "\"]"),
                             "reward.kind=math", "batch.prompts_per_step=1", "batch.prompts_per_update=1" },
                  m_folder / "output"),
        0);
    EXPECT_THAT(output(), HasSubstr("reference answers cannot be used by the grader"));
    EXPECT_THAT(output(), HasSubstr("line 1: '\\frac{1}{'"));
    EXPECT_THAT(output(), HasSubstr("contradictory answers"));
}
