#include "backend/core/text.h"
#include "backend/store/compare.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

namespace midpoint::store {
namespace {

using Row = std::vector<std::string>;

// Columns as wide as their widest cell: the first to the left, numbers to the right.
std::string table(const std::vector<Row>& rows)
{
    std::vector<std::size_t> widths;
    for (const Row& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths.resize(std::max(widths.size(), i + 1), 0);
            widths[i] = std::max(widths[i], row[i].size());
        }
    std::string out;
    for (const Row& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string padding(widths[i] - row[i].size(), ' ');
            line += i == 0 ? row[i] + padding : "  " + padding + row[i];
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    }
    return out;
}

std::string cell(double value, const std::function<std::string(double)>& format)
{
    return std::isfinite(value) ? format(value) : "-";
}

std::string percent(double value)
{
    return fixed(100.0 * value, 1) + " %";
}

struct Quantity {
    const char* title;
    const char* key;
    double Cost::*field;
    std::function<std::string(double)> format;
};

const std::vector<Quantity>& quantities()
{
    static const std::vector<Quantity> all {
        { "steps", "steps", &Cost::step, [](double value) { return fixed(value, 1); } },
        { "rollouts", "rollouts", &Cost::rollouts, formatCount },
        { "generated tokens", "generated_tokens", &Cost::generatedTokens, formatCount },
        { "trained tokens", "trained_tokens", &Cost::trainedTokens, formatCount },
        { "training time", "train_seconds", &Cost::trainSeconds, formatDuration },
        { "total time", "total_seconds", &Cost::totalSeconds, formatDuration },
    };
    return all;
}

// "8.1k (x0.46)": the ratio to the first run where both are known.
std::string withRatio(double value, double first, bool isFirst, const std::function<std::string(double)>& format)
{
    std::string text = cell(value, format);
    if (!isFirst && std::isfinite(value) && std::isfinite(first) && first > 0.0)
        text += concat(" (x", fixed(value / first, 2), ")");
    return text;
}

void addCosts(std::vector<Row>& rows, const Comparison& comparison, const std::function<const Cost*(const RunComparison&)>& costOf)
{
    const Cost* first = costOf(comparison.runs.front());
    for (const Quantity& quantity : quantities()) {
        Row row { concat("  ", quantity.title) };
        for (const RunComparison& run : comparison.runs) {
            const Cost* cost = costOf(run);
            row.push_back(cost == nullptr ? "not reached"
                                          : withRatio(cost->*quantity.field, first == nullptr ? kMissing : first->*quantity.field,
                                                      &run == &comparison.runs.front(), quantity.format));
        }
        rows.push_back(std::move(row));
    }
}

nlohmann::json toJson(const Cost& cost)
{
    nlohmann::json json;
    for (const Quantity& quantity : quantities())
        json[quantity.key] = cost.*quantity.field; // NaN is written as null
    return json;
}

} // namespace

std::string renderText(const Comparison& comparison)
{
    std::vector<Row> rows;
    const auto add = [&](const std::string& title, const std::function<std::string(const RunComparison&)>& text) {
        Row row { title };
        for (const RunComparison& run : comparison.runs)
            row.push_back(text(run));
        rows.push_back(std::move(row));
    };
    add("", [](const RunComparison& run) { return run.name; });
    add(comparison.metric, [](const RunComparison&) { return std::string(); });
    add("  at the start", [](const RunComparison& run) { return cell(run.firstAccuracy, percent); });
    add("  at the end", [](const RunComparison& run) { return cell(run.finalAccuracy, percent); });
    add("  best", [](const RunComparison& run) { return cell(run.bestAccuracy, percent); });
    add(concat("to ", percent(comparison.target), comparison.smoothing > 0.0 ? ", smoothed" : ""), [](const RunComparison&) { return std::string(); });
    addCosts(rows, comparison, [](const RunComparison& run) { return run.toTarget ? &*run.toTarget : nullptr; });
    if (comparison.smoothing > 0.0) {
        add(concat("to ", percent(comparison.target), ", as measured"), [](const RunComparison&) { return std::string(); });
        addCosts(rows, comparison, [](const RunComparison& run) { return run.toTargetRaw ? &*run.toTargetRaw : nullptr; });
    }
    add("in all", [](const RunComparison&) { return std::string(); });
    addCosts(rows, comparison, [](const RunComparison& run) { return &run.total; });
    if (!comparison.differences.empty()) {
        add("settings that differ", [](const RunComparison&) { return std::string(); });
        for (const ConfigDifference& difference : comparison.differences) {
            Row row { concat("  ", difference.key) };
            row.insert(row.end(), difference.values.begin(), difference.values.end());
            rows.push_back(std::move(row));
        }
    }
    return table(rows);
}

std::string renderJson(const Comparison& comparison)
{
    nlohmann::json json { { "metric", comparison.metric }, { "target", comparison.target }, { "smoothing", comparison.smoothing } };
    json["runs"] = nlohmann::json::array();
    for (const RunComparison& run : comparison.runs) {
        json["runs"].push_back({ { "name", run.name },
                                 { "path", run.path.string() },
                                 { "steps", run.steps },
                                 { "first_accuracy", run.firstAccuracy },
                                 { "final_accuracy", run.finalAccuracy },
                                 { "best_accuracy", run.bestAccuracy },
                                 { "final_smoothed", run.finalSmoothed },
                                 { "to_target", run.toTarget ? toJson(*run.toTarget) : nlohmann::json() },
                                 { "to_target_raw", run.toTargetRaw ? toJson(*run.toTargetRaw) : nlohmann::json() },
                                 { "total", toJson(run.total) } });
    }
    json["config_differences"] = nlohmann::json::object();
    for (const ConfigDifference& difference : comparison.differences)
        json["config_differences"][difference.key] = difference.values;
    return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

} // namespace midpoint::store
