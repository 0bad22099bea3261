// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/log/failure_advice.h"

#include <gmock/gmock.h>

namespace midpoint::gui {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

enum class Checkpoints { None, Usable, Damaged };

RunHeader failed(const std::string& reason, Checkpoints checkpoints, std::int64_t signal = 0)
{
    RunHeader header;
    header.path = "/runs/a";
    header.state = { launch::RunStateKind::Failed, "rank 0, exit code 1: " + reason };
    header.exit.emplace();
    header.exit->outcome = launch::Outcome::Failed;
    header.exit->rank = 0;
    header.exit->reason = reason;
    header.exit->signal = signal;
    header.exit->code = signal == 0 ? 1 : 128 + signal;
    if (checkpoints == Checkpoints::Usable)
        header.checkpoints.emplace_back("step_000020");
    header.hasDamagedCheckpoints = checkpoints == Checkpoints::Damaged;
    return header;
}

std::string adviceOn(const RunHeader& header) { return adviseOn(header).advice.toStdString(); }

struct Failure {
    std::string reason;
    std::string cause;
    bool needsSetting;
    std::int64_t signal = 0;
};

class FailureOf : public testing::TestWithParam<Failure> {};

TEST_P(FailureOf, Advice_FollowsFromCauseAndCheckpoints)
{
    const Failure& failure = GetParam();
    const auto advice = [&](Checkpoints checkpoints) { return adviceOn(failed(failure.reason, checkpoints, failure.signal)); };
    const std::string usable = failure.needsSetting ? "midpoint train /runs/a/resolved.toml KEY=VALUE --run-dir /runs/a" : "resume from the newest checkpoint";
    EXPECT_THAT(advice(Checkpoints::Usable), AllOf(HasSubstr(failure.cause), HasSubstr(usable)));
    EXPECT_THAT(advice(Checkpoints::None), AllOf(HasSubstr(failure.cause), Not(HasSubstr("resume")), Not(HasSubstr("go on")), HasSubstr(failure.needsSetting ? "start a new run" : "start it again")));
    EXPECT_THAT(advice(Checkpoints::Damaged), AllOf(HasSubstr(failure.cause), Not(HasSubstr("resume")), HasSubstr("start a new run")));
}

INSTANTIATE_TEST_SUITE_P(Reasons, FailureOf, testing::Values(
    Failure { "CUDA out of memory. Tried to allocate 2.00 GiB", "The GPU ran out of memory", true },
    Failure { "out of memory: not even 512 tokens fit", "Memory ran out", true },
    Failure { "std::bad_alloc", "Memory ran out", true },
    Failure { "signal 9", "out-of-memory killer", true, 9 },
    Failure { "rollouts.db: cannot write: No space left on device", "The disk is full", false },
    Failure { "run.db: database or disk is full; the disk is full: free space and try again", "The disk is full", false },
    Failure { "rank 1 on b gave no sign of life for 12 s", "silent", false },
    Failure { "sampling: the logits of prompt 3 are not finite", "not finite", true },
    Failure { "several GPUs work together through NCCL, but libmidpoint_nccl.so is missing", "Mend the cause", false }));

TEST(AdviseOn, RunThatIsWell_SaysNothing)
{
    for (const auto kind : { launch::RunStateKind::Running, launch::RunStateKind::Stopped, launch::RunStateKind::Finished, launch::RunStateKind::Queued }) {
        RunHeader header;
        header.state.kind = kind;
        EXPECT_TRUE(adviseOn(header).cause.isEmpty());
        EXPECT_THAT(adviceOn(header), IsEmpty());
    }
}

TEST(AdviseOn, RunWithoutRecord_ResumesOnlyWithACheckpoint)
{
    for (const auto kind : { launch::RunStateKind::Lost, launch::RunStateKind::NoHeartbeat }) {
        RunHeader header;
        header.state.kind = kind;
        EXPECT_THAT(adviceOn(header), AllOf(HasSubstr("start it again"), Not(HasSubstr("resume"))));
        header.checkpoints.emplace_back("step_000020");
        EXPECT_THAT(adviceOn(header), AllOf(HasSubstr("resume"), Not(HasSubstr("start it again"))));
    }
}

TEST(AdviseOn, ReasonInState_IsNotRepeated)
{
    EXPECT_EQ(adviseOn(failed("the grader ended", Checkpoints::None)).cause.count(QStringLiteral("the grader ended")), 1);
}

} // namespace
} // namespace midpoint::gui
