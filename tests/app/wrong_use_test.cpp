// Wrong use of the program: exit code, the message on stderr, and nothing on stdout.
#include "tests/app/process.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>

namespace midpoint::app::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

struct WrongUse {
    std::vector<std::string> words;
    std::string message;
    int code = 2;
};

class WrongUseOf : public testing::TestWithParam<WrongUse> {};

TEST_P(WrongUseOf, Midpoint_SaysWhatWasExpected)
{
    const midpoint::test::TemporaryFolder folder;
    const Finished finished = runMidpoint(GetParam().words, folder.path());
    EXPECT_EQ(finished.code, GetParam().code) << finished.err;
    EXPECT_THAT(finished.err, AllOf(StartsWith("midpoint"), HasSubstr(GetParam().message)));
    EXPECT_THAT(finished.out, IsEmpty());
    EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "something was written";
}

INSTANTIATE_TEST_SUITE_P(Dispatch, WrongUseOf, testing::Values(
    WrongUse { {}, "usage: midpoint COMMAND" },
    WrongUse { { "trian" }, "unknown command 'trian'; did you mean 'train'?" },
    WrongUse { { "xyzzy" }, "`midpoint --help` lists all" },
    WrongUse { { "--verbose" }, "unknown command '--verbose'" },
    WrongUse { { "gui" }, "no display" }));

INSTANTIATE_TEST_SUITE_P(Train, WrongUseOf, testing::Values(
    WrongUse { { "train" }, "CONFIG is required" },
    WrongUse { { "train", "none.toml" }, "none.toml: no such configuration file" },
    WrongUse { { "train", "/" }, "expected a configuration file, found a folder" },
    WrongUse { { "train", "a.toml", "--rum-dir", "x" }, "unknown option '--rum-dir'; did you mean '--run-dir'?" },
    WrongUse { { "train", "a.toml", "--run.stepz", "3" }, "did you mean 'run.steps'?" },
    WrongUse { { "train", "a.toml", "--run.steps" }, "'--run.steps' needs a value" },
    WrongUse { { "train", "a.toml", "b.toml" }, "unexpected word 'b.toml'" },
    WrongUse { { "train", "a.toml", "--nproc", "0" }, "--nproc" },
    WrongUse { { "validate" }, "CONFIG is required" },
    WrongUse { { "validate", "none.toml" }, "no such configuration file" },
    WrongUse { { "rank" }, "--run is required" },
    WrongUse { { "job" }, "FOLDER is required" },
    WrongUse { { "job", "nowhere" }, "nowhere", 1 },
    WrongUse { { "rank", "--run", "none" }, "none", 1 }));

INSTANTIATE_TEST_SUITE_P(Models, WrongUseOf, testing::Values(
    WrongUse { { "eval" }, "CHECKPOINT is required" },
    WrongUse { { "eval", "none" }, "no such file or folder: none" },
    WrongUse { { "eval", "/" }, "--data: expected at least one prompt set" },
    WrongUse { { "eval", "/", "--data", "none.jsonl" }, "--data: no such file or folder: none.jsonl" },
    WrongUse { { "eval", "/", "--samples", "0" }, "--samples" },
    WrongUse { { "eval", "/", "--data", "/", "--labels", "nowhere/labels.jsonl" }, "--labels: no such file or folder: nowhere" },
    WrongUse { { "eval", "/", "--data", "/", "--labels", "/" }, "--labels: expected a file to write, found a folder: /" },
    WrongUse { { "predictor", "embed", "/", "--data", "/", "--out", "nowhere/x" }, "--out: no such file or folder: nowhere" },
    WrongUse { { "doctor", "--report", "nowhere/x" }, "--report: no such file or folder: nowhere" },
    WrongUse { { "eval", "/", "--temperature", "-1" }, "--temperature" },
    WrongUse { { "generate", "/" }, "expected --prompt TEXT or --data FILE" },
    WrongUse { { "generate", "none", "--prompt", "a" }, "no such file or folder: none" },
    WrongUse { { "generate", "/", "--prompt", "a", "rollout.top_p=2" }, "rollout.top_p: expected a number above 0 and at most 1, found '2'" },
    WrongUse { { "warmup", "none.toml" }, "none.toml: no such configuration file" },
    WrongUse { { "export", "none", "x" }, "no such file or folder: none" },
    WrongUse { { "export", "/", "x", "--dtype", "int8" }, "--dtype" },
    WrongUse { { "predictor" }, "expected embed, train or eval, found nothing" },
    WrongUse { { "predictor", "fit" }, "found 'fit'" },
    WrongUse { { "predictor", "train" }, "is required" },
    WrongUse { { "predictor", "embed", "none", "--data", "x", "--out", "y" }, "MODEL: no such file or folder: none" },
    WrongUse { { "bench" }, "expected decode, step, select, grade or time-to-target, found nothing" },
    WrongUse { { "bench", "time-to-target", "none.toml" }, "FILE: no such file or folder: none.toml" },
    WrongUse { { "simulate" }, "expected one of RUN, --truth FILE and --world NAME, found 0 of them" },
    WrongUse { { "simulate", "--world", "flat" }, "expected item-response, clusters, forgetting or jumps, found 'flat'" },
    WrongUse { { "simulate", "--truth", "none.csv" }, "--truth: no such file or folder: none.csv" },
    WrongUse { { "simulate", "--world", "jumps", "--belief", "guess" }, "--belief" },
    WrongUse { { "bench", "decode", "--sequences", "0" }, "--sequences" },
    WrongUse { { "bench", "decode", "--model", "none" }, "--model" }));

INSTANTIATE_TEST_SUITE_P(Files, WrongUseOf, testing::Values(
    WrongUse { { "compare" }, "RUN is required" },
    WrongUse { { "compare", "none" }, "no such file or folder: none" },
    WrongUse { { "compare", "/", "--target", "2" }, "--target" },
    WrongUse { { "compare", "/" }, "/", 1 },
    WrongUse { { "snapshot", "/", "x.db" }, "/run.db" },
    WrongUse { { "inspect", "none" }, "no such file or folder: none" },
    WrongUse { { "inspect", "/" }, "expected a run, a checkpoint or a model", 1 },
    WrongUse { { "grade" }, "expected --reference and --response, or --file" },
    WrongUse { { "grade", "--reference", "1" }, "expected --reference and --response, or --file" },
    WrongUse { { "grade", "--file", "none.jsonl" }, "--file" },
    WrongUse { { "grade", "--reference", "1", "--response", "1", "--against", "no-such-program" }, "--against: expected verdicts", 1 },
    WrongUse { { "grade", "--reference", "1", "--response", "1", "reward.kind=guess" }, "reward.kind: expected one of math" },
    WrongUse { { "grade", "--reference", "1", "--response", "1", "reward.kind=regex", "reward.pattern=(" }, "reward.pattern" }));

} // namespace
} // namespace midpoint::app::test
