// The result of `midpoint bench time-to-target` for people: one table per target, what whole runs spent, everything that is in no
// table, and the paper's own figures.
#include "backend/core/text.h"
#include "backend/store/published_savings.h"
#include "backend/store/time_to_target.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace midpoint::store {
namespace {

using Row = std::vector<std::string>;
using Format = std::function<std::string(double)>;

std::string cell(const OverSeeds& values, const Format& format)
{
    if (std::isnan(values.median))
        return "-";
    const auto one = [&](double value) { return std::isinf(value) ? std::string("never") : format(value); };
    const std::string range = concat(" [", one(values.lowest), ", ", one(values.highest), "]");
    return one(values.median) + (values.lowest == values.highest ? "" : range);
}

std::string percent(double share) { return fixed(100.0 * share, 0) + " %"; }

std::string savedCell(const ToTarget& own, const ToTarget* baseline, Quantity quantity)
{
    const auto saving = baseline != nullptr ? saved(own, *baseline, quantity) : std::nullopt;
    return saving ? concat(saving->isAtLeast ? "≥ " : "", percent(saving->share)) : "-";
}

std::string accuracy(double value) { return fixed(value, 3); }
std::string steps(double value) { return fixed(value, 1); }

Format formatOf(Quantity quantity)
{
    switch (quantity) {
    case Quantity::Steps:
        return steps;
    case Quantity::CpuSeconds:
    case Quantity::TrainSeconds:
        return formatDuration;
    default:
        return formatCount;
    }
}

const char* titleOf(Quantity quantity)
{
    switch (quantity) {
    case Quantity::Steps:
        return "steps";
    case Quantity::Rollouts:
        return "rollouts";
    case Quantity::GeneratedTokens:
        return "generated";
    case Quantity::TrainedTokens:
        return "trained";
    case Quantity::CpuSeconds:
        return "CPU time";
    case Quantity::TrainSeconds:
        break;
    }
    return "wall time";
}

std::string markdown(const std::vector<Row>& rows)
{
    std::string out;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        out += "| " + join(rows[i], " | ") + " |\n";
        if (i == 0)
            out += "|" + join(std::vector<std::string>(rows[i].size(), " --- "), "|") + "|\n";
    }
    return out;
}

std::string title(const MethodResult& method)
{
    return method.name + (method.learningRate ? concat(" (lr ", shortest(*method.learningRate), ")") : "");
}

std::string targetTable(const TimeToTarget& result, std::size_t target)
{
    const MethodResult* baseline = baselineOf(result);
    std::vector<Row> rows = { { "method", "reached" } };
    for (const Quantity quantity : kQuantities)
        rows.front().push_back(titleOf(quantity));
    for (const Quantity quantity : kQuantities)
        if (quantity != Quantity::Steps)
            rows.front().push_back(concat("saved: ", titleOf(quantity)));
    rows.front().push_back("end");
    for (const MethodResult& method : result.methods) {
        const ToTarget& own = method.toTarget[target];
        Row row = { title(method), method.counted > 0 ? concat(own.reached, " of ", method.counted) : "-" };
        for (const Quantity quantity : kQuantities)
            row.push_back(cell(own.spent.of(quantity), formatOf(quantity)));
        for (const Quantity quantity : kQuantities)
            if (quantity != Quantity::Steps)
                row.push_back(savedCell(own, baseline != nullptr ? &baseline->toTarget[target] : nullptr, quantity));
        row.push_back(cell(method.finalAccuracy, accuracy));
        rows.push_back(std::move(row));
    }
    const Target& level = result.targets[target];
    return concat("## To ", fixed(level.accuracy, 3), level.isPlateau ? concat(", the plateau of ", result.baseline) : "", "\n\n", markdown(rows));
}

std::string wholeRunTable(const TimeToTarget& result)
{
    std::vector<Row> rows = { { "method", "end", "best" } };
    for (const Quantity quantity : kQuantities)
        rows.front().push_back(titleOf(quantity));
    for (const char* part : { "generation", "update", "choice", "rest", "evaluation" })
        rows.front().push_back(part);
    for (const MethodResult& method : result.methods) {
        Row row = { title(method), cell(method.finalAccuracy, accuracy), cell(method.bestAccuracy, accuracy) };
        for (const Quantity quantity : kQuantities)
            row.push_back(cell(method.wholeRuns.of(quantity), quantity == Quantity::Steps ? Format([](double value) { return fixed(value, 0); })
                                                                                        : formatOf(quantity)));
        for (const OverSeeds* share : { &method.split.generation, &method.split.update, &method.split.choice, &method.split.rest })
            row.push_back(std::isnan(share->median) ? "-" : percent(share->median));
        row.push_back(std::isnan(method.evaluationSeconds.median) ? "-" : formatDuration(method.evaluationSeconds.median));
        rows.push_back(std::move(row));
    }
    return "## What whole runs spent\n\nThe budget that the end was reached with. Of the wall time of the steps: generation of rollouts; update, with the "
           "scoring of replayed rows; choice of prompts, with the rollouts of references; the rest is grading and recording. "
           "Evaluation is in no other column.\n\n"
        + markdown(rows);
}

std::string trialsText(const MethodResult& method)
{
    std::vector<std::string> texts;
    for (const RateTrial& trial : method.trials)
        texts.push_back(concat(shortest(trial.learningRate), " ", std::isnan(trial.accuracy) ? "-" : fixed(trial.accuracy, 3)));
    return join(texts, ", ");
}

std::vector<MethodRun> plannedRuns(const MethodResult& method)
{
    std::vector<MethodRun> runs;
    for (const RunResult& run : method.runs)
        runs.push_back(run.run);
    return runs;
}

std::string notInTheTables(const TimeToTarget& result)
{
    std::string out;
    for (const MethodResult& method : result.methods) {
        if (!method.trials.empty())
            out += concat("- ", method.name, ", learning rates tried (accuracy over the second half): ", trialsText(method), "\n");
        if (method.setupSeconds > 0.0)
            out += concat("- ", method.name, ": ", formatDuration(method.setupSeconds), " of preparation, not in the tables\n");
        if (method.oracleSeconds.median > 0.0)
            out += concat("- ", method.name, ": ", formatDuration(method.oracleSeconds.median), " of fresh measurements, not in the tables\n");
        for (const std::string& line : shortcomings(method.name, method.trials, plannedRuns(method)))
            out += concat("- ", line, "\n");
    }
    return out.empty() ? out : "## Beside the tables\n\n" + out;
}

std::string paperTable()
{
    std::vector<Row> rows = { { "model", "pool", "steps saved", "time per step saved", "saved in total" } };
    for (const PublishedSaving& each : kPublishedSavings)
        rows.push_back({ std::string(each.model), std::string(each.pool), fixed(100.0 * each.stepsSaved, 0) + " %",
            fixed(100.0 * each.timePerStepSaved, 0) + " %", fixed(100.0 * each.saved, 0) + " %" });
    return "## For comparison: what the paper reports\n\nDOTS + rollout replay against GRPO as published, time to GRPO's final accuracy after 60 steps "
           "(arXiv 2506.05316). The paper's own, on its models and eight GPUs; none of these runs was repeated here.\n\n"
        + markdown(rows);
}

} // namespace

std::vector<std::string> shortcomings(const std::string& method, const std::vector<RateTrial>& trials, const std::vector<MethodRun>& runs)
{
    std::vector<std::string> lines;
    std::size_t planned = 0;
    std::size_t missing = 0;
    for (const RateTrial& trial : trials)
        for (const RateTrialRun& each : trial.runs) {
            ++planned;
            missing += each.run.end == RunEnd::Missing ? 1 : 0;
            if (each.run.end == RunEnd::Failed)
                lines.push_back(concat(method, " with learning rate ", shortest(trial.learningRate), ", seed ", each.run.seed,
                    ": failed and counts as one that learned nothing: ", each.run.reason));
        }
    if (missing > 0)
        lines.push_back(concat(method, ": ", missing, " of ", planned, " trials of learning rates are missing"));
    std::vector<std::pair<std::string, std::vector<std::string>>> seedsByReason; // in the order of the runs
    for (const MethodRun& run : runs) {
        if (run.end == RunEnd::Complete)
            continue;
        const std::string reason = concat(run.end == RunEnd::Failed ? "failed and counts as one that reaches nothing: " : "", run.reason);
        auto found = std::ranges::find(seedsByReason, reason, [](const auto& entry) { return entry.first; });
        if (found == seedsByReason.end())
            found = seedsByReason.insert(found, { reason, {} });
        found->second.push_back(concat(run.seed));
    }
    for (const auto& [reason, seeds] : seedsByReason)
        lines.push_back(concat(method, seeds.size() > 1 ? ", seeds " : ", seed ", join(seeds, ", "), ": ", reason));
    return lines;
}

std::string renderText(const TimeToTarget& result)
{
    std::vector<std::string> parts;
    parts.push_back(concat("# Time to target\n\n", result.metric, ", smoothed to both sides (", shortest(result.smoothing),
        "); median over seeds [lowest, highest]; saved: against ", result.baseline,
        ", by the medians (≥: its median never got there, and what its runs spent in all stands for it); evaluation apart.\n"));
    for (std::size_t target = 0; target < result.targets.size(); ++target)
        parts.push_back(targetTable(result, target));
    parts.push_back(wholeRunTable(result));
    if (std::string beside = notInTheTables(result); !beside.empty())
        parts.push_back(std::move(beside));
    parts.push_back(paperTable());
    return join(parts, "\n");
}

} // namespace midpoint::store
