#include "backend/core/error.h"
#include "backend/launch/inspect.h"
#include "tests/support/fake_run.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace midpoint::launch {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Inspect, FinishedRun_ShowsStateProgressMetricsEventsAndCheckpoints)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    test::writeFakeRun(folder.path());
    ExitRecord record;
    record.reason = "all steps done";
    record.lastStep = 60;
    writeExitRecord(folder, record);
    for (const char* name : { "step_000040", "step_000020", "step_000060.writing" })
        std::filesystem::create_directories(folder.checkpoints() / name);
    test::write(folder.checkpoints() / "step_000040" / "manifest.json", "{}");
    const Inspection inspection = inspectRun(folder.path());
    EXPECT_EQ(inspection.state.kind, RunStateKind::Finished);
    EXPECT_EQ(inspection.events.size(), 10u);
    ASSERT_EQ(inspection.checkpoints.size(), 2u);
    EXPECT_EQ(inspection.checkpoints[0].step, 20);
    EXPECT_FALSE(inspection.checkpoints[0].hasManifest);
    EXPECT_TRUE(inspection.checkpoints[1].hasManifest);
    ASSERT_EQ(inspection.problems.size(), 1u);
    EXPECT_THAT(inspection.problems[0], HasSubstr("step_000020 is not complete"));
    EXPECT_THAT(renderText(inspection), AllOf(HasSubstr("state       FINISHED"), HasSubstr("step        60 of 60"), HasSubstr("critic/rewards/mean"),
                                              HasSubstr("all steps done"), HasSubstr("evaluation")));
    const auto json = nlohmann::json::parse(renderJson(inspection));
    EXPECT_EQ(json["state"], "FINISHED");
    EXPECT_EQ(json["last_step"], 60);
    EXPECT_EQ(json["last_metrics"]["actor/lr"], 1e-4);
    EXPECT_EQ(json["checkpoints"].size(), 2u);
}

TEST(Inspect, BrokenDatabase_IsAProblemAndTheRestIsShown)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    test::write(folder.config(), "");
    test::write(folder.database(), "no database at all, but long enough to be looked at as one by anybody who tries to do so, truly");
    test::write(folder.exitRecord(), "{");
    const Inspection inspection = inspectRun(folder.path());
    ASSERT_EQ(inspection.problems.size(), 2u);
    EXPECT_THAT(inspection.problems[0], HasSubstr("exit.json"));
    EXPECT_THAT(inspection.problems[1], HasSubstr("run.db"));
    EXPECT_THAT(renderText(inspection), HasSubstr("problem: "));
}

TEST(Inspect, FolderThatIsNoRun_IsAnError)
{
    test::TemporaryFolder temporary;
    EXPECT_THROW(inspectRun(temporary.path()), Error);
    EXPECT_THROW(inspectRun(temporary / "missing"), Error);
}

} // namespace
} // namespace midpoint::launch
