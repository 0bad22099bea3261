// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/common/command_palette.h"
#include "widgets/viewmodels/run_control.h"
#include "widgets/viewmodels/run_filter.h"

#include <gtest/gtest.h>

namespace midpoint::gui {
namespace {

RunSummary sample()
{
    RunSummary run;
    run.name = "dots-rr-s3";
    run.state.kind = launch::RunStateKind::Failed;
    run.step = 77;
    run.last = { { "critic/rewards/mean", 0.61 }, { "actor/entropy", 0.2 } };
    run.settings = { { "selection.strategy", "\"dots\"" }, { "run.seed", "3" }, { "model.path", "\"/models/Qwen2-0.5B\"" } };
    run.notes.tags = { "paper", "dots" };
    run.notes.note = "with the smaller batch";
    run.evaluations = { { 0, 0.29, 0, 0, 0 }, { 10, 0.5, 640, 2000, 0.1 }, { 20, 0.7, 1280, 4000, 0.2 } };
    return run;
}

class RunFilterAnswers : public testing::TestWithParam<std::pair<const char*, bool>> { };

TEST_P(RunFilterAnswers, Terms_MatchAsDocumented)
{
    EXPECT_EQ(RunFilter::parse(QString::fromUtf8(GetParam().first)).matches(sample()), GetParam().second) << GetParam().first;
}

INSTANTIATE_TEST_SUITE_P(Terms, RunFilterAnswers,
    testing::Values(std::pair("", true), std::pair("rr", true), std::pair("uniform", false), std::pair("tag:dots", true), std::pair("tag:dot", false),
        std::pair("model~qwen", false), std::pair("path~qwen", true), std::pair("model.path~qwen", true), std::pair("reward>0.5", true), std::pair("reward>0.61", false),
        std::pair("reward>=0.61", true), std::pair("state:failed", true), std::pair("state:running", false), std::pair("seed=3", true), std::pair("seed!=3", false),
        std::pair("strategy=dots", true), std::pair("strategy=DOTS", true), std::pair("actor/entropy<0.3", true), std::pair("batch", true),
        std::pair("tag:dots reward>0.5 smaller", true), std::pair("tag:dots reward>0.9", false), std::pair("unknown>1", false), std::pair("accuracy>0.6", true)));

TEST(RunFilter, BadNumber_SaysWhatLooksWrong) { EXPECT_FALSE(RunFilter::parse(QStringLiteral("reward>high")).problem().isEmpty()); }

TEST(FirstReaching, TakesTheFirstEvaluationAtOrAboveTheAccuracy)
{
    EXPECT_EQ(firstReaching(sample(), 0.5)->step, 10);
    EXPECT_EQ(firstReaching(sample(), 0.51)->rollouts, 1280);
    EXPECT_FALSE(firstReaching(sample(), 0.71));
}

TEST(CommandPalette, FuzzyScore_PrefersWholeWordsAndStarts)
{
    EXPECT_LT(fuzzyScore(QStringLiteral("xyz"), QStringLiteral("Pause the run")), 0);
    EXPECT_GT(fuzzyScore(QStringLiteral("pause"), QStringLiteral("Pause the run")), fuzzyScore(QStringLiteral("ptr"), QStringLiteral("Pause the run")));
    EXPECT_GT(fuzzyScore(QStringLiteral("ptr"), QStringLiteral("Pause the run")), fuzzyScore(QStringLiteral("ase"), QStringLiteral("a s e")) - 1000);
}

TEST(RunControl, ShellLine_QuotesWhatNeedsIt)
{
    EXPECT_EQ(RunControl::asShellLine({ "midpoint", "train", "a b.toml", "selection.target=0.4" }), "midpoint train 'a b.toml' selection.target=0.4");
    EXPECT_EQ(RunControl::asShellLine({ "it's" }), "'it'\\''s'");
}

} // namespace
} // namespace midpoint::gui
