// What is known about each metric: title, unit, which direction is good, a sentence of help, the names other trainers use for it.
// Names follow verl; a metric that is not listed is shown by its name alone.
#pragma once

#include <span>
#include <string_view>

namespace midpoint::store {

enum class GoodDirection { Up, Down, Neither };

struct MetricInfo {
    std::string_view name;    // or a pattern in which each '*' stands for any text
    std::string_view title;
    std::string_view unit;    // empty: a plain number
    GoodDirection good = GoodDirection::Neither;
    std::string_view help;
    std::string_view aliases; // other trainers' names, separated by spaces
};

std::span<const MetricInfo> metricCatalogue();
// The entry for a name, pattern entries included; null if there is none.
const MetricInfo* findMetric(std::string_view name);
bool matchesPattern(std::string_view pattern, std::string_view name);

} // namespace midpoint::store
