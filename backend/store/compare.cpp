#include "backend/store/compare.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <toml++/toml.h>

namespace midpoint::store {
namespace {

void flatten(const toml::node& node, const std::string& key, std::map<std::string, std::string>& out)
{
    if (const toml::table* table = node.as_table()) {
        for (const auto& [name, child] : *table)
            flatten(child, key.empty() ? std::string(name.str()) : concat(key, ".", name.str()), out);
        return;
    }
    std::ostringstream text;
    node.visit([&](const auto& value) { text << value; });
    out[key] = text.str();
}

// Without an evaluation that late: the last one.
double meanAfter(const Series& series, double step)
{
    double sum = 0.0;
    std::int64_t count = 0;
    for (std::size_t i = 0; i < series.values.size(); ++i)
        if (static_cast<double>(series.steps[i]) > step) {
            sum += series.values[i];
            ++count;
        }
    return count > 0 ? sum / static_cast<double>(count) : series.values.back();
}

RunComparison summarise(const RunReader& reader, const RunCurves& curves, std::span<const double> smooth)
{
    RunComparison run;
    run.path = reader.path().parent_path();
    const RunInfo info = reader.info();
    run.name = info.name.empty() ? run.path.filename().string() : info.name;
    run.steps = reader.progress().lastStep.value_or(0);
    run.firstAccuracy = curves.accuracy.values.front();
    run.finalAccuracy = curves.accuracy.values.back();
    run.bestAccuracy = std::ranges::max(curves.accuracy.values);
    run.lateAccuracy = meanAfter(curves.accuracy, 0.5 * static_cast<double>(run.steps));
    run.finalSmoothed = smooth.back();
    run.total = curves.at(static_cast<double>(run.steps));
    return run;
}

} // namespace

std::vector<double> smoothed(std::span<const double> values, double weight)
{
    std::vector<double> out;
    double sum = 0.0;
    double weights = 0.0;
    for (const double value : values) {
        if (!std::isnan(value)) {
            sum = weight * sum + (1.0 - weight) * value;
            weights = weight * weights + (1.0 - weight);
        }
        out.push_back(std::isnan(value) || weights == 0.0 ? value : sum / weights);
    }
    return out;
}

std::vector<double> smoothedBothSides(std::span<const double> values, double weight)
{
    std::vector<double> out;
    for (std::size_t i = 0; i < values.size(); ++i) {
        double sum = 0.0;
        double weights = 0.0;
        for (std::size_t j = 0; j < values.size(); ++j) {
            if (std::isnan(values[j]))
                continue;
            const double share = std::pow(weight, static_cast<double>(i > j ? i - j : j - i));
            sum += share * values[j];
            weights += share;
        }
        out.push_back(std::isnan(values[i]) || weights == 0.0 ? values[i] : sum / weights);
    }
    return out;
}

std::optional<double> firstCrossing(std::span<const std::int64_t> steps, std::span<const double> values, double level)
{
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!(values[i] >= level))
            continue;
        const auto here = static_cast<double>(steps[i]);
        if (i == 0 || !(values[i - 1] < level))
            return here;
        const auto before = static_cast<double>(steps[i - 1]);
        return before + (here - before) * (level - values[i - 1]) / (values[i] - values[i - 1]);
    }
    return std::nullopt;
}

std::vector<ConfigDifference> configDifferences(std::span<const std::string> tomlTexts)
{
    std::vector<std::map<std::string, std::string>> tables(tomlTexts.size());
    std::set<std::string> keys;
    for (std::size_t i = 0; i < tomlTexts.size(); ++i) {
        try {
            flatten(toml::parse(tomlTexts[i]), {}, tables[i]);
        } catch (const toml::parse_error& error) {
            tables[i] = { { "(unreadable)", std::string(error.description()) } };
        }
        for (const auto& [key, value] : tables[i])
            keys.insert(key);
    }
    std::vector<ConfigDifference> differences;
    for (const std::string& key : keys) {
        ConfigDifference row { key, {} };
        for (const auto& table : tables) {
            const auto found = table.find(key);
            row.values.push_back(found == table.end() ? "-" : found->second);
        }
        if (std::ranges::any_of(row.values, [&](const std::string& value) { return value != row.values.front(); }))
            differences.push_back(std::move(row));
    }
    return differences;
}

Comparison compareRuns(std::span<const std::filesystem::path> runs, const CompareOptions& options)
{
    if (runs.empty())
        throw Error(ErrorKind::Usage, "compare: expected at least one run folder, found none");
    std::vector<std::unique_ptr<RunReader>> readers;
    for (const auto& path : runs)
        readers.push_back(std::make_unique<RunReader>(path));
    Comparison comparison;
    comparison.metric = options.metric.empty() ? sharedAccuracy(readers) : options.metric;
    comparison.smoothing = options.smoothing;
    std::vector<RunCurves> curves;
    std::vector<std::vector<double>> smooth;
    std::vector<std::string> configs;
    for (const auto& reader : readers) {
        curves.push_back(readCurves(*reader, comparison.metric));
        smooth.push_back(options.looksAhead ? smoothedBothSides(curves.back().accuracy.values, options.smoothing)
                                            : smoothed(curves.back().accuracy.values, options.smoothing));
        comparison.runs.push_back(summarise(*reader, curves.back(), smooth.back()));
        const RunInfo info = reader->info();
        configs.push_back(info.resolvedText.empty() ? info.configText : info.resolvedText);
    }
    comparison.target = options.target.value_or(std::ranges::min(comparison.runs, {}, &RunComparison::finalSmoothed).finalSmoothed);
    for (std::size_t i = 0; i < comparison.runs.size(); ++i) {
        const Series& accuracy = curves[i].accuracy;
        if (const auto step = firstCrossing(accuracy.steps, smooth[i], comparison.target))
            comparison.runs[i].toTarget = curves[i].at(*step);
        const auto raw = std::ranges::find_if(accuracy.values, [&](double value) { return value >= comparison.target; });
        if (raw != accuracy.values.end())
            comparison.runs[i].toTargetRaw
                = curves[i].at(static_cast<double>(accuracy.steps[static_cast<std::size_t>(raw - accuracy.values.begin())]));
    }
    comparison.differences = configDifferences(configs);
    return comparison;
}

} // namespace midpoint::store
