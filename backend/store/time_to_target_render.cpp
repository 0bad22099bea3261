// The result of `midpoint bench time-to-target` as a table for people and as JSON.
#include "backend/core/text.h"
#include "backend/store/time_to_target.h"

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

namespace midpoint::store {
namespace {

using nlohmann::json;
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

// What was saved against the baseline, by the medians.
std::string saving(const OverSeeds& own, const OverSeeds& baseline)
{
    if (!std::isfinite(own.median) || !std::isfinite(baseline.median) || baseline.median <= 0.0)
        return "-";
    return fixed(100.0 * (1.0 - own.median / baseline.median), 0) + " %";
}

const MethodResult* baselineOf(const TimeToTarget& result)
{
    for (const MethodResult& method : result.methods)
        if (method.method.name == result.baseline)
            return &method;
    return nullptr;
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

json toJson(const OverSeeds& values)
{
    const auto number = [](double value) { return std::isfinite(value) ? json(value) : json(); };
    return { { "median", number(values.median) }, { "lowest", number(values.lowest) }, { "highest", number(values.highest) } };
}

json toJson(const Cost& cost)
{
    return { { "step", cost.step }, { "rollouts", cost.rollouts }, { "generated_tokens", cost.generatedTokens },
        { "trained_tokens", cost.trainedTokens }, { "train_seconds", cost.trainSeconds }, { "cpu_seconds", cost.cpuSeconds } };
}

std::string trialsText(const Method& method)
{
    std::vector<std::string> texts;
    for (const RateTrial& trial : method.trials)
        texts.push_back(concat(shortest(trial.learningRate), " ", fixed(trial.accuracy, 3)));
    return join(texts, ", ");
}

json trialsJson(const Method& method)
{
    json trials = json::array();
    for (const RateTrial& trial : method.trials) {
        json runs = json::array();
        for (const MethodRun& run : trial.runs)
            runs.push_back({ { "seed", run.seed }, { "folder", run.folder.string() }, { "failure", run.failure } });
        trials.push_back({ { "learning_rate", trial.learningRate }, { "late_accuracy", trial.accuracy }, { "runs", std::move(runs) } });
    }
    return trials;
}

json runJson(const MethodResult& result)
{
    json runs = json::array();
    std::size_t next = 0;
    for (const MethodRun& run : result.method.runs) {
        json item = { { "seed", run.seed }, { "folder", run.folder.string() } };
        if (!run.failure.empty()) {
            item["failure"] = run.failure;
        } else {
            const RunComparison& compared = result.runs[next++];
            item["final_smoothed"] = compared.finalSmoothed;
            item["best"] = compared.bestAccuracy;
            item["to_target"] = compared.toTarget ? toJson(*compared.toTarget) : json();
            item["whole_run"] = toJson(compared.total);
        }
        runs.push_back(std::move(item));
    }
    return runs;
}

} // namespace

std::string renderText(const TimeToTarget& result)
{
    const MethodResult* baseline = baselineOf(result);
    std::vector<Row> rows = { { "method", "reached", "steps", "generated", "trained", "CPU time", "wall time", "saved: generated",
        "saved: trained", "saved: CPU", "saved: wall", "end" } };
    const Format accuracy = [](double value) { return fixed(value, 3); };
    for (const MethodResult& method : result.methods) {
        Row row = { method.method.name + (method.method.learningRate ? concat(" (lr ", shortest(*method.method.learningRate), ")") : ""),
            concat(method.reached, " of ", method.method.runs.size()), cell(method.steps, [](double value) { return fixed(value, 1); }),
            cell(method.generatedTokens, formatCount), cell(method.trainedTokens, formatCount), cell(method.cpuSeconds, formatDuration),
            cell(method.trainSeconds, formatDuration) };
        for (OverSeeds MethodResult::*field : { &MethodResult::generatedTokens, &MethodResult::trainedTokens, &MethodResult::cpuSeconds,
                 &MethodResult::trainSeconds })
            row.push_back(baseline != nullptr ? saving(method.*field, baseline->*field) : "-");
        row.push_back(cell(method.finalAccuracy, accuracy));
        rows.push_back(std::move(row));
    }
    std::string text = concat("To ", fixed(result.target, 3), result.isPlateau ? concat(" (the plateau of ", result.baseline, ")") : "", " of ",
        result.metric, ", smoothed; median over seeds [lowest, highest]; evaluation apart.\n\n", markdown(rows));
    for (const MethodResult& method : result.methods) {
        if (!method.method.trials.empty())
            text += concat("\n", method.method.name, ", learning rates tried (accuracy over the second half): ", trialsText(method.method));
        if (method.method.setupSeconds > 0.0)
            text += concat("\n", method.method.name, ": ", formatDuration(method.method.setupSeconds), " of preparation, not in the table");
        for (const MethodRun& run : method.method.runs)
            if (!run.failure.empty())
                text += concat("\n", method.method.name, ", seed ", run.seed, " is missing: ", run.failure);
    }
    return text + "\n";
}

std::string renderJson(const TimeToTarget& result)
{
    json methods = json::array();
    for (const MethodResult& method : result.methods)
        methods.push_back({ { "name", method.method.name },
            { "learning_rate", method.method.learningRate ? json(*method.method.learningRate) : json() },
            { "learning_rate_trials", trialsJson(method.method) },
            { "setup_seconds", method.method.setupSeconds }, { "seeds", method.method.runs.size() }, { "reached", method.reached },
            { "steps", toJson(method.steps) }, { "rollouts", toJson(method.rollouts) },
            { "generated_tokens", toJson(method.generatedTokens) }, { "trained_tokens", toJson(method.trainedTokens) },
            { "train_seconds", toJson(method.trainSeconds) }, { "cpu_seconds", toJson(method.cpuSeconds) },
            { "final_accuracy", toJson(method.finalAccuracy) }, { "best_accuracy", toJson(method.bestAccuracy) },
            { "evaluation_seconds", method.evaluationSeconds }, { "runs", runJson(method) } });
    const json root = { { "metric", result.metric }, { "target", result.target }, { "is_plateau", result.isPlateau },
        { "baseline", result.baseline }, { "methods", std::move(methods) } };
    return root.dump(2, ' ', false, json::error_handler_t::replace);
}

} // namespace midpoint::store
