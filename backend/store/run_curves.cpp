#include "backend/store/run_curves.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/store/metric_catalogue.h"

#include <algorithm>
#include <cmath>

namespace midpoint::store {
namespace {

constexpr std::string_view kAccuracyPattern = "val-core/*/acc/mean@*";
constexpr double kMsPerSecond = 1000.0;

// A cumulative counter at a (fractional) step: linear between the steps around it, 0 before the first.
double counterAt(const Series& counter, double step)
{
    if (counter.steps.empty())
        return kMissing;
    double lastStep = 0.0;
    double lastValue = 0.0;
    for (std::size_t i = 0; i < counter.steps.size(); ++i) {
        const auto here = static_cast<double>(counter.steps[i]);
        if (here >= step) {
            const double share = here > lastStep ? (step - lastStep) / (here - lastStep) : 1.0;
            return lastValue + share * (counter.values[i] - lastValue);
        }
        lastStep = here;
        lastValue = counter.values[i];
    }
    return lastValue;
}

// Wall seconds at each step since the first, without the pauses between segments.
Series wallClock(const RunReader& reader)
{
    Series clock;
    double elapsed = 0.0;
    std::int64_t lastMs = 0;
    std::int64_t lastSegment = -1;
    for (const StepTime& time : reader.steps()) {
        if (time.segment == lastSegment)
            elapsed += static_cast<double>(time.wallMs - lastMs) / kMsPerSecond;
        lastMs = time.wallMs;
        lastSegment = time.segment;
        clock.steps.push_back(time.step);
        clock.values.push_back(elapsed);
    }
    return clock;
}

using SeriesByName = std::map<std::string, Series>;

Series take(SeriesByName& all, const std::string& name)
{
    const auto found = all.find(name);
    return found == all.end() ? Series {} : std::move(found->second);
}

// Seconds of all steps together; what a run had no use for was not recorded, and is 0.
double sumOf(const SeriesByName& all, const char* phase)
{
    const auto found = all.find(concat("timing_s/", phase));
    double sum = 0.0;
    if (found != all.end())
        for (const double value : found->second.values)
            sum += std::isnan(value) ? 0.0 : value;
    return sum;
}

WallSplit splitOf(const SeriesByName& all)
{
    if (!all.contains("timing_s/step"))
        return {};
    WallSplit split;
    split.generation = sumOf(all, "gen");
    split.update = sumOf(all, "update_actor") + sumOf(all, "old_log_prob");
    split.choice = sumOf(all, "select") + sumOf(all, "reference");
    split.rest = std::max(0.0, sumOf(all, "step") - split.generation - split.update - split.choice);
    return split;
}

double lastOf(const Series& series) { return series.values.empty() ? 0.0 : series.values.back(); }

} // namespace

Cost RunCurves::at(double step) const
{
    return { step, counterAt(rollouts, step), counterAt(generated, step), counterAt(trained, step), counterAt(trainSeconds, step),
             counterAt(wall, step), counterAt(cpuSeconds, step) };
}

RunCurves readCurves(const RunReader& reader, const std::string& metric)
{
    SeriesByName all;
    for (Series& series : reader.allSeries())
        all[series.name] = std::move(series);
    RunCurves curves;
    curves.split = splitOf(all);
    curves.accuracy = take(all, metric);
    curves.rollouts = take(all, "budget/rollouts");
    curves.generated = take(all, "budget/generated_tokens");
    curves.trained = take(all, "budget/trained_tokens");
    curves.trainSeconds = take(all, "budget/train_seconds");
    curves.wall = wallClock(reader);
    curves.cpuSeconds = take(all, "budget/cpu_seconds");
    curves.evaluationSeconds = lastOf(take(all, "budget/evaluation_seconds"));
    curves.oracleSeconds = lastOf(take(all, "budget/oracle_seconds"));
    for (std::size_t i = curves.accuracy.values.size(); i-- > 0;) {
        if (std::isnan(curves.accuracy.values[i])) {
            curves.accuracy.values.erase(curves.accuracy.values.begin() + static_cast<std::ptrdiff_t>(i));
            curves.accuracy.steps.erase(curves.accuracy.steps.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
    if (curves.accuracy.steps.empty())
        throw Error(ErrorKind::Data, concat(reader.path().string(), ": expected evaluations '", metric, "', found none; set eval.every_steps"));
    return curves;
}

std::string sharedAccuracy(const std::vector<std::unique_ptr<RunReader>>& readers)
{
    std::map<std::string, std::size_t> counts;
    for (const auto& reader : readers)
        for (const MetricName& name : reader->metricNames())
            if (matchesPattern(kAccuracyPattern, name.name))
                ++counts[name.name];
    for (const auto& [name, count] : counts)
        if (count == readers.size())
            return name;
    for (const auto& reader : readers) {
        const auto names = reader->metricNames();
        if (std::ranges::none_of(names, [](const MetricName& name) { return matchesPattern(kAccuracyPattern, name.name); }))
            throw Error(ErrorKind::Data, concat(reader->path().string(), ": expected a held-out accuracy (", kAccuracyPattern,
                                                "), found none; the run has no evaluation"));
    }
    throw Error(ErrorKind::Data, "the runs were evaluated on different sets: expected a held-out accuracy that all of them have");
}

} // namespace midpoint::store
