#include "backend/store/buffer_json.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <nlohmann/json.hpp>

namespace midpoint::store {
namespace {

using nlohmann::json;

double numberOrMissing(const json& value)
{
    return value.is_number() ? value.get<double>() : kMissing; // JSON writes NaN as null
}

std::vector<double> numbers(const json& array)
{
    std::vector<double> values;
    for (const json& value : array)
        values.push_back(numberOrMissing(value));
    return values;
}

template <typename Read>
auto parsed(std::string_view text, const char* what, Read&& read)
{
    try {
        return read(json::parse(text));
    } catch (const json::exception& cause) {
        throw Error(ErrorKind::Store, concat("run database: damaged ", what, ": ", cause.what()));
    }
}

struct IntegerColumn {
    const char* name;
    std::int64_t BufferEntry::*field;
};
struct RealColumn {
    const char* name;
    double BufferEntry::*field;
};
constexpr IntegerColumn kIntegerColumns[] = {
    { "prompt", &BufferEntry::promptIndex }, { "birth_step", &BufferEntry::birthStep }, { "uses", &BufferEntry::uses },
    { "attempts", &BufferEntry::attempts },  { "successes", &BufferEntry::successes },  { "tokens", &BufferEntry::tokens },
    { "evicted_in_steps", &BufferEntry::evictedInSteps },
};
constexpr RealColumn kRealColumns[] = {
    { "reward_mean", &BufferEntry::rewardMean },
    { "advantage_max", &BufferEntry::advantageMax },
    { "behaviour_logprob_mean", &BufferEntry::behaviourLogprobMean },
    { "ratio_mean", &BufferEntry::ratioMean },
};

} // namespace

std::string histogramsToJson(std::span<const Histogram> histograms)
{
    json array = json::array();
    for (const Histogram& histogram : histograms) {
        json item { { "name", histogram.name }, { "edges", histogram.edges }, { "counts", histogram.counts } };
        if (!histogram.secondEdges.empty())
            item["second_edges"] = histogram.secondEdges;
        array.push_back(std::move(item));
    }
    return array.dump();
}

std::vector<Histogram> histogramsFromJson(std::string_view text)
{
    return parsed(text, "buffer histograms", [](const json& array) {
        std::vector<Histogram> histograms;
        for (const json& item : array) {
            Histogram histogram;
            histogram.name = item.at("name").get<std::string>();
            histogram.edges = numbers(item.at("edges"));
            histogram.counts = numbers(item.at("counts"));
            if (item.contains("second_edges"))
                histogram.secondEdges = numbers(item["second_edges"]);
            histograms.push_back(std::move(histogram));
        }
        return histograms;
    });
}

std::string entriesToJson(std::span<const BufferEntry> entries)
{
    json columns = json::object();
    for (const IntegerColumn& column : kIntegerColumns)
        for (const BufferEntry& entry : entries)
            columns[column.name].push_back(entry.*column.field);
    for (const RealColumn& column : kRealColumns)
        for (const BufferEntry& entry : entries)
            columns[column.name].push_back(entry.*column.field);
    return columns.dump();
}

std::vector<BufferEntry> entriesFromJson(std::string_view text)
{
    return parsed(text, "buffer entries", [](const json& columns) {
        std::vector<BufferEntry> entries(columns.empty() ? 0 : columns.at("prompt").size());
        for (std::size_t i = 0; i < entries.size(); ++i) {
            for (const IntegerColumn& column : kIntegerColumns)
                entries[i].*column.field = columns.at(column.name).at(i).get<std::int64_t>();
            for (const RealColumn& column : kRealColumns)
                entries[i].*column.field = numberOrMissing(columns.at(column.name).at(i));
        }
        return entries;
    });
}

} // namespace midpoint::store
