// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/live/live_plots.h"

#include "widgets/viewmodels/metric_names.h"

#include <QCoreApplication>

namespace midpoint::gui {

namespace {
QString tr(const char* text) { return QCoreApplication::translate("LivePlots", text); }
} // namespace

std::vector<LivePlotSpec> livePlots()
{
    return {
        { "plotReward", tr("Reward"), tr("mean reward of a rollout"), {}, { { metric_names::kReward, tr("reward") } }, false, false, false,
            metric_names::kRewardLow, metric_names::kRewardHigh, tr("p10–p90 of the groups") },
        { "plotAccuracy", tr("Held-out accuracy"), tr("share of correct answers"), {}, { { "*", tr("accuracy") } }, true },
        { "plotGroups", tr("Groups by outcome"), tr("share of groups"), "%",
            { { "baseline_reward/pct_mixed", tr("with signal") }, { "baseline_reward/pct_0", tr("all wrong") }, { "baseline_reward/pct_1", tr("all right") } },
            false, true, true },
        { "plotLength", tr("Response length"), tr("tokens"), {}, { { metric_names::kLength, tr("mean length") } } },
        { "plotTruncated", tr("Truncated responses"), tr("share of responses"), "%", { { metric_names::kTruncated, tr("cut at the limit") } } },
        { "plotEntropy", tr("Entropy"), tr("nats per token"), {}, { { metric_names::kEntropy, tr("entropy") } } },
        { "plotLoss", tr("Policy loss"), tr("loss"), {}, { { metric_names::kLoss, tr("policy loss") } } },
        { "plotClip", tr("Clipped tokens"), tr("share of tokens"), "%", { { metric_names::kClipFraction, tr("all") }, { "replay/clipfrac", tr("replayed") } } },
        { "plotKl", tr("KL divergence"), tr("nats per token"), {}, { { metric_names::kKl, tr("old to new policy") }, { "actor/kl_loss", tr("to the reference") } } },
        { "plotGradient", tr("Gradient norm"), tr("global L2 norm"), {}, { { metric_names::kGradientNorm, tr("gradient norm") } } },
        { "plotThroughput", tr("Throughput"), tr("tokens per second"), {}, { { "perf/throughput", tr("all tokens") }, { "perf/gen_tokens_per_second", tr("generated") } } },
        { "plotTime", tr("Time of a step"), tr("seconds"), "s",
            { { "timing_s/gen", tr("generate") }, { "timing_s/reward", tr("grade") }, { "timing_s/select", tr("select") }, { "timing_s/old_log_prob", tr("log-probs") },
                { "timing_s/update_actor", tr("update") }, { "timing_s/store", tr("store") } },
            false, true },
    };
}

} // namespace midpoint::gui
