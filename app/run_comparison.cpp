#include "app/run_comparison.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/store/run_curves.h"
#include "backend/store/run_reader.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

namespace midpoint::app {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// The value of a running total at the end of a step: that of the newest recorded step not after it.
double totalAt(const store::Series& series, std::int64_t step)
{
    if (series.steps.empty())
        return kUnknown;
    const auto after = std::upper_bound(series.steps.begin(), series.steps.end(), step);
    return after == series.steps.begin() ? 0.0 : series.values[static_cast<std::size_t>(after - series.steps.begin()) - 1];
}

Spending spendingAt(const store::RunReader& run, std::int64_t step)
{
    return { step, totalAt(run.series("budget/rollouts"), step), totalAt(run.series("budget/generated_tokens"), step),
        totalAt(run.series("budget/trained_tokens"), step), totalAt(run.series("budget/train_seconds"), step) };
}

ComparedRun summarise(const store::RunReader& run, const std::filesystem::path& path, const store::Series& accuracy)
{
    ComparedRun summary;
    summary.path = path;
    summary.name = run.info().name;
    summary.startAccuracy = accuracy.steps.front() == 0 ? accuracy.values.front() : kUnknown;
    summary.bestAccuracy = *std::max_element(accuracy.values.begin(), accuracy.values.end());
    summary.lastAccuracy = accuracy.values.back();
    summary.whole = spendingAt(run, run.progress().lastStep.value_or(0));
    return summary;
}

std::string count(double value)
{
    return std::isnan(value) ? "-" : formatCount(value);
}

std::string accuracyText(double value)
{
    return std::isnan(value) ? "-" : fixed(value, 3);
}

std::string shareOf(double value, double first)
{
    return std::isnan(value) || std::isnan(first) || first <= 0.0 ? std::string("-") : fixed(value / first, 2) + "x";
}

nlohmann::json numberOrNull(double value)
{
    return std::isnan(value) ? nlohmann::json() : nlohmann::json(value);
}

nlohmann::json toJson(const Spending& spending)
{
    return { { "step", spending.step }, { "rollouts", numberOrNull(spending.rollouts) },
        { "generated_tokens", numberOrNull(spending.generatedTokens) }, { "trained_tokens", numberOrNull(spending.trainedTokens) },
        { "seconds", numberOrNull(spending.seconds) } };
}

using Row = std::vector<std::string>;

std::string table(const std::vector<Row>& rows)
{
    std::vector<std::size_t> widths(rows.front().size(), 0);
    for (const Row& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    std::ostringstream out;
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i)
            out << (i == 0 ? "" : "  ") << (i == 0 ? std::left : std::right) << std::setw(static_cast<int>(widths[i])) << row[i];
        out << "\n";
    }
    return out.str();
}

Row spendingRow(const std::string& name, const Spending& spending)
{
    return { name, std::to_string(spending.step), count(spending.rollouts), count(spending.generatedTokens), count(spending.trainedTokens),
        std::isnan(spending.seconds) ? "-" : formatDuration(spending.seconds) };
}

} // namespace

Comparison compareRuns(const std::vector<std::filesystem::path>& paths, const std::string& metric, std::optional<double> target)
{
    std::vector<std::unique_ptr<store::RunReader>> readers;
    for (const std::filesystem::path& path : paths)
        readers.push_back(std::make_unique<store::RunReader>(path));
    Comparison comparison;
    comparison.metric = metric.empty() ? store::sharedAccuracy(readers) : metric;
    std::vector<store::Series> accuracies;
    double reachedByAll = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < readers.size(); ++i) {
        accuracies.push_back(readers[i]->series(comparison.metric));
        if (accuracies.back().steps.empty())
            throw Error(ErrorKind::Data, concat(paths[i].string(), ": the run has no metric '", comparison.metric, "'"));
        comparison.runs.push_back(summarise(*readers[i], paths[i], accuracies.back()));
        reachedByAll = std::min(reachedByAll, comparison.runs.back().bestAccuracy);
    }
    comparison.isTargetGiven = target.has_value();
    comparison.target = target.value_or(reachedByAll);
    for (std::size_t i = 0; i < readers.size(); ++i) {
        const store::Series& accuracy = accuracies[i];
        const auto reached = std::find_if(accuracy.values.begin(), accuracy.values.end(),
            [&comparison](double value) { return value >= comparison.target; });
        if (reached != accuracy.values.end())
            comparison.runs[i].toTarget = spendingAt(*readers[i], accuracy.steps[static_cast<std::size_t>(reached - accuracy.values.begin())]);
    }
    return comparison;
}

std::string comparisonTable(const Comparison& comparison)
{
    std::vector<Row> whole = { { "run", "steps", "rollouts", "generated", "trained", "time", "start", "best", "last" } };
    std::vector<Row> toTarget = { { "run", "step", "rollouts", "generated", "trained", "time", "generated/first", "time/first" } };
    const std::optional<Spending>& first = comparison.runs.front().toTarget;
    for (const ComparedRun& run : comparison.runs) {
        Row row = spendingRow(run.name, run.whole);
        for (const double accuracy : { run.startAccuracy, run.bestAccuracy, run.lastAccuracy })
            row.push_back(accuracyText(accuracy));
        whole.push_back(std::move(row));
        if (!run.toTarget) {
            toTarget.push_back({ run.name, "not reached", "", "", "", "", "", "" });
            continue;
        }
        Row target = spendingRow(run.name, *run.toTarget);
        target.push_back(first ? shareOf(run.toTarget->generatedTokens, first->generatedTokens) : "-");
        target.push_back(first ? shareOf(run.toTarget->seconds, first->seconds) : "-");
        toTarget.push_back(std::move(target));
    }
    return concat("Whole runs, held-out accuracy ", comparison.metric, " (tokens; time of training without evaluations)\n", table(whole),
        "\nTo the first evaluation at or above ", fixed(comparison.target, 3),
        comparison.isTargetGiven ? "" : ", the highest that every run reached", "\n", table(toTarget));
}

std::string comparisonJson(const Comparison& comparison)
{
    nlohmann::json runs = nlohmann::json::array();
    for (const ComparedRun& run : comparison.runs)
        runs.push_back({ { "run", run.path.string() }, { "name", run.name }, { "start_accuracy", numberOrNull(run.startAccuracy) },
            { "best_accuracy", numberOrNull(run.bestAccuracy) }, { "last_accuracy", numberOrNull(run.lastAccuracy) }, { "whole", toJson(run.whole) },
            { "to_target", run.toTarget ? toJson(*run.toTarget) : nlohmann::json() } });
    const nlohmann::json json = { { "metric", comparison.metric }, { "target", comparison.target }, { "runs", std::move(runs) } };
    return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace midpoint::app
