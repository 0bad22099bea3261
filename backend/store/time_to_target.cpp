#include "backend/store/time_to_target.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/store/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace midpoint::store {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// One complete run, read once: targets are looked up in it.
struct ReadRun {
    RunCurves curves;
    std::vector<double> smooth;
    std::int64_t lastStep = 0;
};

using ReadRuns = std::vector<std::vector<std::optional<ReadRun>>>; // by method and run; nothing: not complete

std::string sharedMetric(const std::vector<Method>& methods)
{
    std::vector<std::unique_ptr<RunReader>> readers;
    for (const Method& method : methods)
        for (const MethodRun& run : method.runs)
            if (run.end == RunEnd::Complete)
                readers.push_back(std::make_unique<RunReader>(run.folder));
    if (readers.empty())
        throw Error(ErrorKind::Data, "time-to-target: no run is complete, so there is nothing to compare");
    return sharedAccuracy(readers);
}

ReadRun readRun(const std::filesystem::path& folder, const std::string& metric, double smoothing)
{
    const RunReader reader(folder);
    ReadRun run;
    run.curves = readCurves(reader, metric);
    run.smooth = smoothedBothSides(run.curves.accuracy.values, smoothing);
    run.lastStep = reader.progress().lastStep.value_or(0);
    return run;
}

ReadRuns readRuns(const std::vector<Method>& methods, const std::string& metric, double smoothing)
{
    ReadRuns all;
    for (const Method& method : methods) {
        auto& runs = all.emplace_back();
        for (const MethodRun& run : method.runs)
            runs.push_back(run.end == RunEnd::Complete ? std::optional(readRun(run.folder, metric, smoothing)) : std::nullopt);
    }
    return all;
}

double plateauOf(const std::vector<Method>& methods, const ReadRuns& runs, const std::string& baseline)
{
    double sum = 0.0;
    std::int64_t count = 0;
    for (std::size_t i = 0; i < methods.size(); ++i)
        for (const auto& run : runs[i])
            if (methods[i].name == baseline && run) {
                sum += run->smooth.back();
                ++count;
            }
    if (count == 0)
        throw Error(ErrorKind::Data,
            concat("time-to-target: expected a complete run of the baseline '", baseline, "', found none; its plateau is the target"));
    return sum / static_cast<double>(count);
}

RunResult resultOf(const MethodRun& planned, const std::optional<ReadRun>& read, const std::vector<Target>& targets)
{
    RunResult result;
    result.run = planned;
    result.toTarget.resize(targets.size());
    if (!read)
        return result;
    const Series& accuracy = read->curves.accuracy;
    for (std::size_t i = 0; i < targets.size(); ++i)
        if (const auto step = firstCrossing(accuracy.steps, read->smooth, targets[i].accuracy))
            result.toTarget[i] = read->curves.at(*step);
    result.total = read->curves.at(static_cast<double>(read->lastStep));
    result.split = read->curves.split;
    result.evaluationSeconds = read->curves.evaluationSeconds;
    result.oracleSeconds = read->curves.oracleSeconds;
    result.finalAccuracy = read->smooth.back();
    result.bestAccuracy = std::ranges::max(accuracy.values);
    for (std::size_t i = 0; i < accuracy.steps.size(); ++i)
        result.curve.push_back({ read->curves.at(static_cast<double>(accuracy.steps[i])), accuracy.values[i], read->smooth[i] });
    return result;
}

// Over complete runs.
template <typename Get>
OverSeeds gather(const MethodResult& method, Get get)
{
    std::vector<double> values;
    for (const RunResult& run : method.runs)
        if (run.run.end == RunEnd::Complete)
            values.push_back(get(run));
    return overSeeds(std::move(values));
}

ToTarget toTarget(const MethodResult& method, std::size_t target)
{
    ToTarget result;
    for (const RunResult& run : method.runs)
        result.reached += run.toTarget[target] ? 1 : 0;
    for (const Quantity quantity : kQuantities) {
        std::vector<double> spent;
        std::vector<double> atLeast;
        for (const RunResult& run : method.runs) {
            if (run.run.end == RunEnd::Missing)
                continue;
            const std::optional<Cost>& cost = run.toTarget[target];
            spent.push_back(cost ? valueOf(*cost, quantity) : kNever);
            atLeast.push_back(cost ? spent.back() : run.run.end == RunEnd::Failed ? 0.0 : valueOf(run.total, quantity));
        }
        result.spent.quantities[static_cast<std::size_t>(quantity)] = overSeeds(std::move(spent));
        result.atLeast.quantities[static_cast<std::size_t>(quantity)] = overSeeds(std::move(atLeast));
    }
    return result;
}

} // namespace

const char* nameOf(RunEnd end)
{
    return end == RunEnd::Complete ? "complete" : end == RunEnd::Failed ? "failed" : "missing";
}

const char* nameOf(Quantity quantity)
{
    switch (quantity) {
    case Quantity::Steps:
        return "steps";
    case Quantity::Rollouts:
        return "rollouts";
    case Quantity::GeneratedTokens:
        return "generated_tokens";
    case Quantity::TrainedTokens:
        return "trained_tokens";
    case Quantity::CpuSeconds:
        return "cpu_seconds";
    case Quantity::TrainSeconds:
        break;
    }
    return "train_seconds";
}

double valueOf(const Cost& cost, Quantity quantity)
{
    switch (quantity) {
    case Quantity::Steps:
        return cost.step;
    case Quantity::Rollouts:
        return cost.rollouts;
    case Quantity::GeneratedTokens:
        return cost.generatedTokens;
    case Quantity::TrainedTokens:
        return cost.trainedTokens;
    case Quantity::CpuSeconds:
        return cost.cpuSeconds;
    case Quantity::TrainSeconds:
        break;
    }
    return cost.trainSeconds;
}

OverSeeds overSeeds(std::vector<double> values)
{
    std::erase_if(values, [](double value) { return std::isnan(value); });
    if (values.empty())
        return {};
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    const double median = values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
    return { median, values.front(), values.back() };
}

std::optional<Saving> saved(const ToTarget& own, const ToTarget& baseline, Quantity quantity)
{
    const double spent = own.spent.of(quantity).median;
    const bool isAtLeast = std::isinf(baseline.spent.of(quantity).median);
    const double compared = (isAtLeast ? baseline.atLeast : baseline.spent).of(quantity).median;
    if (!std::isfinite(spent) || !(compared > 0.0))
        return std::nullopt;
    if (isAtLeast && spent > compared)
        return std::nullopt; // a bound below zero says nothing
    return Saving { 1.0 - spent / compared, isAtLeast };
}

const MethodResult* baselineOf(const TimeToTarget& result)
{
    const auto found = std::ranges::find(result.methods, result.baseline, &MethodResult::name);
    return found == result.methods.end() ? nullptr : &*found;
}

void summarise(MethodResult& method, std::size_t targets)
{
    method.counted = std::ranges::count_if(method.runs, [](const RunResult& run) { return run.run.end != RunEnd::Missing; });
    method.toTarget.clear();
    for (std::size_t target = 0; target < targets; ++target)
        method.toTarget.push_back(toTarget(method, target));
    for (const Quantity quantity : kQuantities)
        method.wholeRuns.quantities[static_cast<std::size_t>(quantity)]
            = gather(method, [quantity](const RunResult& run) { return valueOf(run.total, quantity); });
    const auto share = [&](double WallSplit::*part) {
        return gather(method, [part](const RunResult& run) { return run.split.*part / run.split.total(); });
    };
    method.split = { share(&WallSplit::generation), share(&WallSplit::update), share(&WallSplit::choice), share(&WallSplit::rest) };
    method.finalAccuracy = gather(method, [](const RunResult& run) { return run.finalAccuracy; });
    method.bestAccuracy = gather(method, [](const RunResult& run) { return run.bestAccuracy; });
    method.evaluationSeconds = gather(method, [](const RunResult& run) { return run.evaluationSeconds; });
    method.oracleSeconds = gather(method, [](const RunResult& run) { return run.oracleSeconds; });
}

std::optional<double> chooseLearningRate(std::vector<RateTrial>& trials, const std::string& metric)
{
    bool isWhole = !trials.empty();
    for (RateTrial& trial : trials) {
        double sum = 0.0;
        for (RateTrialRun& each : trial.runs) {
            const std::vector<std::filesystem::path> one = { each.run.folder };
            each.lateAccuracy = each.run.end == RunEnd::Complete ? compareRuns(one, { metric, std::nullopt, 0.0, false }).runs.front().lateAccuracy
                : each.run.end == RunEnd::Failed                 ? 0.0
                                                                 : kMissing;
            isWhole = isWhole && each.run.end != RunEnd::Missing;
            sum += each.lateAccuracy;
        }
        trial.accuracy = trial.runs.empty() ? 0.0 : sum / static_cast<double>(trial.runs.size());
    }
    if (!isWhole)
        return std::nullopt;
    return std::ranges::max_element(trials, {}, &RateTrial::accuracy)->learningRate;
}

TimeToTarget timeToTarget(const std::vector<Method>& methods, const TargetRule& rule)
{
    TimeToTarget result;
    result.metric = rule.metric.empty() ? sharedMetric(methods) : rule.metric;
    result.smoothing = rule.smoothing;
    result.baseline = rule.baseline;
    const ReadRuns runs = readRuns(methods, result.metric, rule.smoothing);
    for (const std::optional<double>& target : rule.targets)
        result.targets.push_back(target ? Target { *target, false } : Target { plateauOf(methods, runs, rule.baseline), true });
    for (std::size_t i = 0; i < methods.size(); ++i) {
        const Method& method = methods[i];
        MethodResult made;
        made.name = method.name;
        made.learningRate = method.learningRate;
        made.trials = method.trials;
        made.setupSeconds = method.setupSeconds;
        for (std::size_t j = 0; j < method.runs.size(); ++j)
            made.runs.push_back(resultOf(method.runs[j], runs[i][j], result.targets));
        summarise(made, result.targets.size());
        result.methods.push_back(std::move(made));
    }
    return result;
}

} // namespace midpoint::store
