// The result of `midpoint bench time-to-target` as one JSON object. A null in place of a number: never, or not known.
#include "backend/store/published_savings.h"
#include "backend/store/time_to_target.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace midpoint::store {
namespace {

using nlohmann::json;

json number(double value) { return std::isfinite(value) ? json(value) : json(); }
json number(const std::optional<double>& value) { return value ? number(*value) : json(); }

json toJson(const OverSeeds& values)
{
    return { { "median", number(values.median) }, { "lowest", number(values.lowest) }, { "highest", number(values.highest) } };
}

json toJson(const Cost& cost)
{
    json object = { { "total_seconds", number(cost.totalSeconds) } };
    for (const Quantity quantity : kQuantities)
        object[nameOf(quantity)] = number(valueOf(cost, quantity));
    return object;
}

json toJson(const Spent& spent)
{
    json object = json::object();
    for (const Quantity quantity : kQuantities)
        object[nameOf(quantity)] = toJson(spent.of(quantity));
    return object;
}

json toJson(const ToTarget& own, const ToTarget* baseline)
{
    json object = toJson(own.spent);
    object["reached"] = own.reached;
    for (const Quantity quantity : kQuantities) {
        const auto saving = baseline != nullptr ? saved(own, *baseline, quantity) : std::nullopt;
        object[nameOf(quantity)]["saved"] = saving ? json(saving->share) : json();
        object[nameOf(quantity)]["saved_is_at_least"] = saving && saving->isAtLeast;
    }
    return object;
}

json toJson(const MethodRun& run)
{
    json object = { { "seed", run.seed }, { "folder", run.folder.string() }, { "end", nameOf(run.end) } };
    if (run.end != RunEnd::Complete)
        object["reason"] = run.reason;
    return object;
}

json trialsJson(const MethodResult& method)
{
    json trials = json::array();
    for (const RateTrial& trial : method.trials) {
        json runs = json::array();
        for (const RateTrialRun& run : trial.runs) {
            json object = toJson(run.run);
            object["late_accuracy"] = number(run.lateAccuracy);
            runs.push_back(std::move(object));
        }
        trials.push_back({ { "learning_rate", trial.learningRate }, { "late_accuracy", number(trial.accuracy) }, { "runs", std::move(runs) } });
    }
    return trials;
}

json curveJson(const RunResult& run)
{
    json points = json::array();
    for (const CurvePoint& point : run.curve) {
        json object = toJson(point.cost);
        object["accuracy"] = number(point.accuracy);
        object["smoothed"] = number(point.smoothed);
        points.push_back(std::move(object));
    }
    return points;
}

json toJson(const RunResult& run)
{
    json object = toJson(run.run);
    object["to_targets"] = json::array();
    for (const std::optional<Cost>& cost : run.toTarget)
        object["to_targets"].push_back(cost ? toJson(*cost) : json());
    if (run.run.end != RunEnd::Complete)
        return object;
    object["whole_run"] = toJson(run.total);
    object["split_seconds"] = { { "generation", number(run.split.generation) }, { "update", number(run.split.update) },
        { "choice", number(run.split.choice) }, { "rest", number(run.split.rest) } };
    object["evaluation_seconds"] = number(run.evaluationSeconds);
    object["oracle_seconds"] = number(run.oracleSeconds);
    object["final_accuracy"] = number(run.finalAccuracy);
    object["best_accuracy"] = number(run.bestAccuracy);
    object["evaluations"] = curveJson(run);
    return object;
}

json toJson(const MethodResult& method, const MethodResult* baseline)
{
    json targets = json::array();
    for (std::size_t i = 0; i < method.toTarget.size(); ++i)
        targets.push_back(toJson(method.toTarget[i], baseline != nullptr ? &baseline->toTarget[i] : nullptr));
    json runs = json::array();
    for (const RunResult& run : method.runs)
        runs.push_back(toJson(run));
    return { { "name", method.name }, { "learning_rate", number(method.learningRate) }, { "learning_rate_trials", trialsJson(method) },
        { "setup_seconds", method.setupSeconds }, { "seeds", method.runs.size() }, { "counted", method.counted }, { "to_targets", std::move(targets) },
        { "whole_runs", toJson(method.wholeRuns) },
        { "split", { { "generation", toJson(method.split.generation) }, { "update", toJson(method.split.update) },
              { "choice", toJson(method.split.choice) }, { "rest", toJson(method.split.rest) } } },
        { "final_accuracy", toJson(method.finalAccuracy) }, { "best_accuracy", toJson(method.bestAccuracy) },
        { "evaluation_seconds", toJson(method.evaluationSeconds) }, { "oracle_seconds", toJson(method.oracleSeconds) }, { "runs", std::move(runs) } };
}

} // namespace

std::string renderJson(const TimeToTarget& result)
{
    json targets = json::array();
    for (const Target& target : result.targets)
        targets.push_back({ { "accuracy", target.accuracy }, { "is_plateau", target.isPlateau } });
    json methods = json::array();
    for (const MethodResult& method : result.methods)
        methods.push_back(toJson(method, baselineOf(result)));
    json paper = json::array();
    for (const PublishedSaving& each : kPublishedSavings)
        paper.push_back({ { "model", std::string(each.model) }, { "pool", std::string(each.pool) }, { "steps_saved", each.stepsSaved },
            { "time_per_step_saved", each.timePerStepSaved }, { "saved", each.saved } });
    const json root = { { "metric", result.metric }, { "smoothing", result.smoothing }, { "baseline", result.baseline },
        { "targets", std::move(targets) }, { "methods", std::move(methods) }, { "published_by_the_paper", std::move(paper) } };
    return root.dump(2, ' ', false, json::error_handler_t::replace);
}

} // namespace midpoint::store
